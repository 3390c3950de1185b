// From a row of the table and the fields of a config.json to the caches of a model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/table.h"

namespace kvcache::detail {

struct ModelLayers {
  std::vector<LayerSpec> layers;
  std::vector<std::string> assumed;  ///< defaults of absent fields
  std::vector<std::string> notes;    ///< what the row says about this config
};

/// `config`: the whole of config.json. Throws Error(unreadable) naming what the config does not tell.
[[nodiscard]] ModelLayers model_layers(const ModelRow& row, const nlohmann::json& config);

}  // namespace kvcache::detail
