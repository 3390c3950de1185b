// Element types, and how many elements a shape has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kvcache/shape.h"  // IWYU pragma: export

namespace [[gnu::visibility("default")]] kvcache {

/// Every element type that MLX reads from a safetensors file. F64 is not among them. Values are part of the binary interface:
/// none is changed or used again, new ones come at the end.
enum class Dtype : std::uint8_t {
  BOOL = 0,
  I8 = 1,
  U8 = 2,
  I16 = 3,
  U16 = 4,
  F16 = 5,
  BF16 = 6,
  I32 = 7,
  U32 = 8,
  F32 = 9,
  I64 = 10,
  U64 = 11,
  C64 = 12,
  F8_E4M3 = 13,
  F8_E8M0 = 14,
};

[[nodiscard]] std::size_t item_size(Dtype dtype) noexcept;                       ///< bytes of one element
[[nodiscard]] std::string_view name(Dtype dtype) noexcept;                       ///< as in a header: "BF16"
[[nodiscard]] std::optional<Dtype> parse_dtype(std::string_view text) noexcept;  ///< inverse of name(), case-sensitive
[[nodiscard]] bool is_float(Dtype dtype) noexcept;                               ///< F16, BF16 or F32

/// Largest dimension, as in MLX.
inline constexpr std::int64_t max_dim = 2147483647;
/// Most dimensions of an array.
inline constexpr std::size_t max_rank = 32;

/// Product of the dimensions, or nothing when it does not fit into 63 bits.
[[nodiscard]] std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) noexcept;
/// "[1, 8, 4096, 128]"
[[nodiscard]] std::string to_string(std::span<const std::int64_t> shape);

}  // namespace kvcache
