// A normal distribution as a table: 65,536 equally likely values in ascending order.
#pragma once

#include <array>
#include <cstdint>

namespace kvcache::detail {

inline constexpr std::size_t normal_table_size = 65536;
/// Steps of a value in the table that make one standard deviation.
inline constexpr float normal_deviation = 591.2F;

/// Integers in [-2046, 2046], the same on every machine: no library function and no rounding is involved.
[[nodiscard]] const std::array<std::int16_t, normal_table_size>& normal_table();

}  // namespace kvcache::detail
