// A model's folder: its config.json, and digests of the files that decide what tokens mean.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "kvcache/model_config.h"

namespace [[gnu::visibility("default")]] kvcache {

/// SHA-256 by name of config.json and of those tokenizer files that a model's folder has. Throws Error(io).
[[nodiscard]] std::map<std::string, std::string> model_digests(const std::string& folder);

/// A model's folder, to compare files with.
struct ModelFolder {
  std::string path;                           ///< as given
  std::map<std::string, std::string> sha256;  ///< model_digests()
  std::optional<ModelConfig> config;          ///< nothing: what this model caches is not known here
  std::string why_no_config;                  ///< in words, or empty
  std::optional<ModelConfig> swift_config;    ///< as mlx-swift-lm makes its caches; nothing: as `config`
};
/// Throws Error(io) for what cannot be read, Error(unreadable) for a config.json that is none. One that does not tell the
/// caches is no error: why_no_config says why.
[[nodiscard]] ModelFolder read_model_folder(const std::string& path);

}  // namespace kvcache
