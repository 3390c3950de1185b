// Making a file of input that comes once.
#pragma once

#include <memory>

#include "kvcache/byte_source.h"
#include "safetensors/input_stream.h"

namespace kvcache::detail {

/// Copies the stream into an unlinked temporary file and stops early, with the right code, when the header turns out to be
/// broken or the stream goes on far beyond what the header asks for: neither a bomb nor /dev/zero fills the disk.
/// Throws Error(unreadable, codes KV102 ... KV116, KV131) and Error(io).
[[nodiscard]] std::shared_ptr<const ByteSource> spool(InputStream& input, bool gzip);

}  // namespace kvcache::detail
