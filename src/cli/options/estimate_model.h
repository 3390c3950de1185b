// What an estimate is made from: the layers of a model, by its config.json or by one of its caches.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "kvcache/estimate.h"
#include "kvcache/model_config.h"

namespace kvcache::cli {

struct EstimatedModel {
  std::vector<LayerSpec> layers;
  std::optional<Dtype> dtype;         ///< of keys and values
  std::optional<ModelConfig> config;  ///< where it is from a config.json
  std::vector<std::string> notes;
};

/// Throws what read_model_config() throws.
[[nodiscard]] EstimatedModel model_of_config(const std::string& path);
/// The layers of a cache. Throws Error(unreadable) for one that is not sound.
[[nodiscard]] EstimatedModel model_like(const Context& context, const std::string& name);

/// As --max-kv-size of mlx-lm: windows that pin 4 tokens, where the model does not make its caches itself.
void limit_windows(EstimatedModel& model, std::int64_t max_kv_size);

/// Layers that are the same.
struct LayerGroup {
  LayerSpec layer;
  std::vector<std::size_t> at;
};
[[nodiscard]] std::vector<LayerGroup> groups_of(const std::vector<LayerSpec>& layers);
/// "1 KV head of 256", "keys of 192, values of 128 in 16 KV heads", "[3, 8192] and [32, 128, 128] in F32".
[[nodiscard]] std::string sizes_in_words(const LayerSpec& layer);

/// How plain layers are quantized.
struct Grouping {
  std::optional<int> group_size;  ///< nothing: no layer can be
  std::string why;                ///< what of it is not as asked, or not 64: in words, or empty
};
/// `asked`: that one; otherwise 64, or 32 where 64 does not divide the widths.
[[nodiscard]] Grouping group_size_for(const EstimatedModel& model, std::optional<std::int64_t> asked);

}  // namespace kvcache::cli
