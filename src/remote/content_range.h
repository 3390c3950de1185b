// The headers that say which bytes an answer has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvcache::remote {

/// "bytes 0-65535/1000000", "bytes 0-65535/*"; "bytes */1000000" of an answer that has none.
struct ContentRange {
  std::uint64_t first = 0, last = 0;  ///< nothing where there are no bytes
  bool empty = false;
  std::optional<std::uint64_t> size;  ///< of the whole
};

/// Nothing for what is neither.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);
/// Decimal digits and nothing else.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace kvcache::remote
