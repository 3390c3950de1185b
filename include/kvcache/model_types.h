// The model types whose caches are known, as mlx-lm's own code makes them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/prompt_cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What is known of one model type.
struct ModelType {
  std::string name;               ///< "llama"
  std::vector<std::string> also;  ///< other names of it: "mistral"
  std::string source;             ///< what was read: "mlx_lm/models/llama.py"
  std::string text_config;        ///< whether fields are in text_config, in words; empty: text_config is not looked into
  std::vector<std::pair<std::string, std::string>> fields;  ///< name, and what counts when it is absent: "required", "= 4"
  std::vector<std::string> caches;                          ///< the rules, in the words of the table
  std::string picture;                    ///< caches of an example: "30 x window 1024, 6 x plain, every sixth"
  std::string swift_source;               ///< the same of mlx-swift-lm, where it caches the type otherwise; or empty
  std::vector<std::string> swift_caches;  ///< its rules
  std::vector<std::string> traps;         ///< where a good guess is wrong
  bool own_caches = false;                ///< as in ModelConfig
  std::string unquantized;                ///< as in ModelConfig
};

/// The commit of mlx-lm that the types were read from.
inline constexpr std::string_view model_types_commit = "d78bf58";

/// All, by name. Built anew by each call.
[[nodiscard]] std::vector<ModelType> model_types();
/// Names in configs that mlx-lm has no module for, each with what is known of it.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> absent_model_types();

/// Caches in a few words: "30 x window 1024, 6 x plain, every sixth".
[[nodiscard]] std::string layers_in_words(std::span<const LayerSpec> layers);
/// One of them: "window 1024", "plain", "chunk 8192", "state", "state + plain" for a list.
[[nodiscard]] std::string layer_in_words(const LayerSpec& layer);

}  // namespace kvcache
