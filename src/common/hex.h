// Bytes as hex digits and back: digests, in files and in names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvcache::detail {

[[nodiscard]] constexpr bool is_hex_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// Whether a text is so many lower-case digits and nothing else.
[[nodiscard]] constexpr bool is_hex(std::string_view text, std::size_t digits) noexcept {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

[[nodiscard]] inline std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 0xFU]);
  }
  return out;
}

/// Of lower-case digits; what is none of them counts as 0.
[[nodiscard]] inline std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) -> unsigned {
    if (!is_hex_digit(c)) return 0;
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out.push_back(static_cast<char>(digit(hex[i]) << 4U | digit(hex[i + 1])));
  return out;
}

}  // namespace kvcache::detail
