// Text that somebody else wrote: is it UTF-8, and how to show it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvcache::detail {

/// Position of the first byte that does not belong to valid UTF-8, or text.size().
[[nodiscard]] std::size_t utf8_prefix(std::string_view text) noexcept;

/// In quotes, cut to `limit` characters, with what acts on a terminal (is_control() in common/escape.h) and invalid bytes
/// escaped: for messages.
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t limit = 80);

}  // namespace kvcache::detail
