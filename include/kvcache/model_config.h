// A model's config.json (Hugging Face): which caches the model needs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/dtype.h"
#include "kvcache/prompt_cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What of a config.json matters here.
struct ModelConfig {
  std::string model_type;  ///< "llama"
  /// What mlx-lm's make_cache() makes, in the order of a cache file: layers that share the cache of another one, or have none,
  /// are not among them.
  std::vector<LayerSpec> layers;
  std::optional<Dtype> dtype;      ///< of the weights, which is that of keys and values
  std::vector<std::string> notes;  ///< what the config does not tell, in words: "layers 0-2: shapes of recurrent state"
};

/// Reads a config.json, or that of a model folder. Never reads more than 16 MiB. Throws Error(io), Error(unreadable) for what
/// is no config or lacks a number that is needed (naming it), Error(impossible) for a model whose layers are not known here.
[[nodiscard]] ModelConfig read_model_config(const std::string& path);
/// The same from text.
[[nodiscard]] ModelConfig parse_model_config(std::string_view json);

/// The empty caches that the model starts with.
[[nodiscard]] inline std::vector<std::unique_ptr<Cache>> make_prompt_cache(const ModelConfig& config) {
  return make_prompt_cache(config.layers);
}

}  // namespace kvcache
