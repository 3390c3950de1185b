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

/// Whose code makes the caches: for some types mlx-swift-lm's are others.
enum class ModelCode { mlx_lm, mlx_swift_lm };

/// What of a config.json matters here.
struct ModelConfig {
  std::string model_type;  ///< "llama"
  /// What mlx-lm's make_cache() makes, in the order of a cache file: layers that share the cache of another one, or have none,
  /// are not among them.
  std::vector<LayerSpec> layers;
  std::optional<Dtype> dtype;        ///< of the weights, which is that of keys and values
  std::string row;                   ///< type of the table's row that was used: "llama" for "mistral"
  std::string source;                ///< what the row says was read there: "mlx_lm/models/llama.py"
  std::vector<std::string> assumed;  ///< defaults of the model's code for absent fields: "sliding_window 512"
  std::vector<std::string> notes;    ///< what else there is to know, in words
  bool own_caches = false;           ///< the model makes its caches itself, so --max-kv-size changes nothing
  bool state_may_be_f32 = false;     ///< recurrent state in the model's dtype may be in F32 as well: the checkpoint decides
  std::string unquantized;           ///< why the model's code cannot read quantized keys and values, or empty
};

/// Reads a config.json, or that of a model folder. Never reads more than 16 MiB. Throws Error(io), Error(unreadable) for what
/// is no JSON object, Error(impossible) for a model whose caches it does not tell: of a type that is not known here, or without
/// what the model's code needs (naming it).
[[nodiscard]] ModelConfig read_model_config(const std::string& path, ModelCode code = ModelCode::mlx_lm);
/// The same from text.
[[nodiscard]] ModelConfig parse_model_config(std::string_view json, ModelCode code = ModelCode::mlx_lm);

/// The empty caches that the model starts with.
[[nodiscard]] inline std::vector<std::unique_ptr<Cache>> make_prompt_cache(const ModelConfig& config) {
  return make_prompt_cache(config.layers);
}

}  // namespace kvcache
