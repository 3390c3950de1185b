// Text that somebody else wrote, made safe to show.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "common/utf8.h"

namespace kvcache::detail {

/// A character that acts on a terminal or an editor instead of being seen: C0, DEL and C1, and what breaks lines or reorders
/// them (U+2028-202E, U+2066-2069).
[[nodiscard]] constexpr bool is_control(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/// `text` cut to `limit` characters, with controls and bytes that are no UTF-8 escaped.
[[nodiscard]] inline std::string escaped(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t characters = 0; !text.empty(); ++characters) {
    if (characters == limit) return out + "...";
    const std::size_t length = utf8_sequence(text);
    const char32_t code = length == 0 ? static_cast<unsigned char>(text[0]) : utf8_code_point(text.substr(0, length));
    if (code == U'\n') {
      out += "\\n";
    } else if (code == U'\t') {
      out += "\\t";
    } else if (code == U'\r') {
      out += "\\r";
    } else if (length <= 1 && (length == 0 || is_control(code))) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(code));
    } else if (is_control(code)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace kvcache::detail
