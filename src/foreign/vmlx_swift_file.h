// A prompt of vmlx-swift (osaurus): a safetensors file that describes itself in small tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {

/// Whether a header is that of one, of whatever version.
[[nodiscard]] bool is_vmlx_swift_file(const Header& header);

struct VmlxSwiftFile {
  SafetensorsFile file;
  std::int64_t version = 0;
  std::vector<std::int64_t> kinds;  ///< of each layer
  std::int64_t tokens = 0;          ///< of the layers that tell; 0: none does

  /// "KVCache", "DeepSeek-V4": what a layer's number stands for.
  [[nodiscard]] static std::string kind_name(std::int64_t kind);
  /// Every layer. Throws Error(unreadable) naming the layer, Error(impossible) for kinds that can only be looked at.
  [[nodiscard]] std::vector<std::unique_ptr<Cache>> restore() const;
};

/// Reads the header and those small tensors. Throws Error(unreadable): code KV123 for a version that is not known here.
[[nodiscard]] VmlxSwiftFile read_vmlx_swift_file(SafetensorsFile file);

}  // namespace kvcache::foreign
