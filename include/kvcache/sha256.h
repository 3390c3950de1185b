// SHA-256 (FIPS 180-4).
#pragma once

#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] kvcache {

/// SHA-256 as 64 hex digits.
[[nodiscard]] std::string sha256(std::string_view bytes);

}  // namespace kvcache
