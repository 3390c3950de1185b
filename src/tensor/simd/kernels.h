// The loops that touch every element, for the best instruction set of the machine. Each has a scalar twin in
// quantize_scalar.h, value_stats.h or distance.h that it equals bit for bit. Buffers may be unaligned and must not overlap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/distance.h"
#include "tensor/quantize_layout.h"
#include "tensor/value_stats.h"

namespace kvcache::simd {

/// Quantizes `groups` groups. False when some value is not finite, and the output is then meaningless, or when some scale is so
/// large that a group could decode to infinity (largest_safe_scale), which is for the caller to find out.
[[nodiscard]] bool encode(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out);

/// Decodes to layout.dtype with its two roundings, or to F32 without rounding in between.
void decode(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, Dtype out_dtype, std::byte* out);

/// Casts between two different float types. Returns the number of finite values that became infinite.
[[nodiscard]] std::uint64_t convert(Dtype from, Dtype to, const std::byte* in, std::size_t count, std::byte* out);

struct Difference {
  double max_abs = 0;
  double sum_sq_error = 0;
  double sum_sq_signal = 0;
};
/// How far `decoded` is from `signal`. The sums depend in their last bits on the width of the vectors.
[[nodiscard]] Difference compare(Dtype dtype, const std::byte* signal, const std::byte* decoded, std::size_t count);

/// As scalar::add_values, for arrays in which all is finite. False when something is not; `channels` and `sums` are then
/// meaningless.
[[nodiscard]] bool add_values(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width,
                              const ValueRange& range, float* channels, ValueSums& sums);
/// As scalar::row_squares, rounded to single precision.
void row_squares(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, double* out);

/// As scalar::distances, whatever the values.
[[nodiscard]] Distances distances(Dtype dtype, const std::byte* a, const std::byte* b, std::size_t count, double tolerance);

}  // namespace kvcache::simd
