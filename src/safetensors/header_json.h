// The JSON of a header, in one pass and without building a document.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

struct HeaderJson {
  std::vector<TensorEntry> tensors;  ///< in the order of the text
  Metadata metadata;
};

/// Checks KV105 ... KV117, and KV103 for too many members. `data_bytes`: size of the data section, for KV117. Throws
/// Error(unreadable).
[[nodiscard]] HeaderJson parse_header_json(std::string_view json, std::uint64_t data_bytes);

}  // namespace kvcache::detail
