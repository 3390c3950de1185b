// How far values of two arrays are from each other, one value at a time: what the vector kernel (simd/kernels.h) equals bit for
// bit, and what runs where there are values that are not finite, or no vector unit we know.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kvcache/dtype.h"

namespace kvcache {

/// Of pairs of values. Their distance is 0 for two NaNs and for equal infinities, infinite when only one of them is NaN.
struct Distances {
  std::uint64_t differing = 0;  ///< pairs that are further apart than the tolerance
  double max_abs = 0;           ///< the largest distance
  double sum_sq = 0;            ///< of all distances; summed in sum_lanes lanes (value_stats.h), by position modulo lanes
};

namespace scalar {

/// Of `count` pairs of F16, BF16 or F32.
[[nodiscard]] Distances distances(Dtype dtype, const std::byte* a, const std::byte* b, std::size_t count, double tolerance);

}  // namespace scalar
}  // namespace kvcache
