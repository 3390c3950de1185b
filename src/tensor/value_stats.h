// What is counted of every value of an array, one value at a time: what the vector kernel (simd/kernels.h) equals bit for bit,
// and what runs where there are values that are not finite, or no vector unit we know.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kvcache/dtype.h"

namespace kvcache {

/// Chosen once for an array, before its values are looked at.
struct ValueRange {
  float shift = 0;  ///< subtracted before summing: near the mean where that is far from zero, so that nothing cancels
  float low = 0;    ///< lower edge of the histogram's first bin
  float scale = 0;  ///< bins per unit
};

/// Sums over finite values. Sums of parts of an array are added in the order of the parts.
struct ValueSums {
  static constexpr std::size_t bins = 24;
  std::uint64_t finite = 0, zeros = 0, nan = 0, infinite = 0;
  double sum = 0, sum_sq = 0;  ///< of value - shift
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  std::array<std::uint64_t, bins + 2> histogram{};  ///< the first and the last: below and above the range
  void add(const ValueSums& other);
};

/// A piece of rows [rows, width]: small enough for its bins to be counted in bytes (255 vectors of 16) and to stay in the L1.
inline constexpr std::size_t max_piece = 4032;
/// Each piece is summed in this many lanes, by column modulo lanes, whatever the width of vectors: so that all sums agree.
inline constexpr std::size_t sum_lanes = 16;

/// Calls fn(first element, rows, width) for pieces of [rows, width] in order: several rows, or a part of one.
template <typename Function>
void each_piece(std::size_t rows, std::size_t width, const Function& fn) {
  if (width > max_piece) {
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t column = 0; column < width; column += max_piece)
        fn(row * width + column, std::size_t{1}, width - column < max_piece ? width - column : max_piece);
    return;
  }
  if (width == 0) return;
  const std::size_t step = max_piece / width;
  for (std::size_t row = 0; row < rows; row += step) fn(row * width, rows - row < step ? rows - row : step, width);
}

/// The sum of all lanes, as halves of halves.
inline double sum_of_lanes(std::array<double, sum_lanes>& lanes) {
  for (std::size_t half = sum_lanes / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

namespace scalar {

/// Adds the values of [rows, width], F16, BF16 or F32. `channels`: sums of magnitudes by column are added to these, or null.
void add_values(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, const ValueRange& range,
                float* channels, ValueSums& sums);

/// Sum of the squares of each row's finite values.
void row_squares(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, double* out);

}  // namespace scalar
}  // namespace kvcache
