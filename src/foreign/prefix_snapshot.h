// A prefix of ekryski's mlx-swift-lm: a folder with index.json and arrays.safetensors.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {

struct PrefixSnapshot {
  struct Layer {
    std::string kind;  ///< "standardUnbounded"
    std::optional<std::int64_t> first_parameter;
    std::optional<std::int64_t> second_parameter;
    std::int64_t tokens = 0;
    std::int64_t arrays = 0;
    std::vector<std::string> meta;
  };
  std::string model;
  std::int64_t head_dim = 0;  ///< a placeholder: 1
  std::optional<std::int64_t> bits;
  std::vector<std::int32_t> ids;
  std::vector<Layer> layers;
  bool last_hidden = false;

  /// By the rule of its server.
  [[nodiscard]] std::string folder_name() const;
  /// Every layer, from the arrays. Throws Error(unreadable), naming the layer; Error(impossible) for compressed ones, whose
  /// codebooks are not in the file.
  [[nodiscard]] std::vector<std::unique_ptr<Cache>> restore(const SafetensorsFile& arrays) const;
};

/// Whether a JSON text is the index of one, of whatever version.
[[nodiscard]] bool is_prefix_snapshot(std::string_view json);
/// Throws Error(unreadable): code KV123 for a version that is not known here.
[[nodiscard]] PrefixSnapshot read_prefix_snapshot(std::string_view json);

}  // namespace kvcache::foreign
