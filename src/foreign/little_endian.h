// Integers as the bytes that hash rules and sidecars are made of.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/hex.h"

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

// What digests are made of and names are tested by goes with them.
using kvcache::detail::from_hex;
using kvcache::detail::is_hex;

}  // namespace kvcache::foreign
