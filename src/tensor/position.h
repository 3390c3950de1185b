// Where in a tensor an element is, in the words of a cache.
#pragma once

#include <cstdint>
#include <string>

#include "kvcache/dtype.h"

namespace kvcache {

/// "sequence 0, head 3, token 17" for [B, H, S, D]; "index [2, 5]" for other ranks. `element` is a row-major index.
[[nodiscard]] std::string describe_position(const Shape& shape, std::uint64_t element);

}  // namespace kvcache
