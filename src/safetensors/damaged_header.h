// The header of a file that is damaged elsewhere.
#pragma once

#include <optional>
#include <string>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// What a file says of itself although SafetensorsFile::open() refuses it: the metadata, and the tensors whose entries are
/// right, of a file that is cut off or damaged behind its header or in parts of it. Reads the header only. Nothing where there
/// is no header to be read.
[[nodiscard]] std::optional<Header> read_damaged_header(const ByteSource& source);

}  // namespace kvcache::detail
