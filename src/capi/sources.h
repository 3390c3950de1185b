// Where a program's bytes are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kvcache/byte_source.h"
#include "kvcache/encode.h"
#include "kvcache/kvcache_c.h"

namespace kvcache::capi {

/// Bytes that belong to somebody else, and stay.
[[nodiscard]] std::shared_ptr<const ByteSource> borrowed_source(const void* bytes, std::size_t size, std::string label);

/// What a program reads for us. Calls its release() when it is no longer needed, also where this throws.
[[nodiscard]] std::shared_ptr<const ByteSource> program_source(const kvcache_source* source);

/// The file that these would become, without writing it: its header is in memory, its arrays are computed when they are read.
/// `hold`: what its arrays are read from, beside what they hold themselves.
[[nodiscard]] std::shared_ptr<const ByteSource> unwritten_source(Encoded encoded, std::string label,
                                                                 std::shared_ptr<const void> hold = {});

/// What a program gives, in borrowed memory. Throws Error(usage) where the sizes do not fit.
[[nodiscard]] NamedTensor borrowed_array(const kvcache_named_array& array);

}  // namespace kvcache::capi
