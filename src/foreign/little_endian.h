// Integers as the bytes that hash rules and sidecars are made of.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace kvcache::foreign {

/// The bytes of an integer, least significant first.
template <std::integral T>
void append_le(std::string& out, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(bits & 0xFFU);
    if constexpr (sizeof(T) > 1) bits = static_cast<std::make_unsigned_t<T>>(bits >> 8U);
  }
}

/// The integer that begins at `at`; the caller knows that it is there.
template <std::integral T>
[[nodiscard]] T read_le(std::string_view bytes, std::size_t at = 0) {
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return static_cast<T>(value);
}

/// Token ids, each as an integer of type T.
template <std::integral T>
[[nodiscard]] std::string ids_le(std::span<const std::int32_t> ids) {
  std::string out;
  out.reserve(ids.size() * sizeof(T));
  for (const std::int32_t id : ids) append_le(out, static_cast<T>(id));
  return out;
}

/// The bytes that pairs of hex digits stand for: of a digest that sha256() has made, where nothing else occurs.
[[nodiscard]] inline std::string bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) << 4U | digit(hex[i + 1]));
  return out;
}

/// Whether a text is so many small hex digits and nothing else.
[[nodiscard]] inline bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace kvcache::foreign
