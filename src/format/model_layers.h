// From the fields of a config.json to the caches of its layers, as mlx-lm's models make them.
#pragma once

#include <string_view>
#include <vector>

#include "format/model_fields.h"
#include "kvcache/prompt_cache.h"

namespace kvcache::detail {

/// What one layer of a model remembers.
enum class Memory {
  full,       ///< every token
  sliding,    ///< the last ones
  chunked,    ///< those of its chunk
  recurrent,  ///< a state of fixed size
  none,       ///< nothing: an MLP, or the cache of another layer is used
};

/// model_pattern.cpp: one for each layer. Throws Error(impossible) for a model that mixes kinds in a way not known here.
[[nodiscard]] std::vector<Memory> memory_pattern(std::string_view model_type, const ModelFields& fields);

/// recurrent_layer.cpp: slots of a recurrent layer, with their shapes where the config tells them.
[[nodiscard]] LayerSpec recurrent_layer(std::string_view model_type, const ModelFields& fields);
/// Slots of which the config does not tell the shapes.
[[nodiscard]] LayerSpec unknown_slots(std::size_t slots);

/// model_layers.cpp: all of it.
[[nodiscard]] std::vector<LayerSpec> model_layers(std::string_view model_type, const ModelFields& fields);

}  // namespace kvcache::detail
