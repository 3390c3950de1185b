// Inner loops of the data scan, over raw little-endian elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "kvcache/dtype.h"

namespace kvcache::detail {

/// How often something was seen, and the first element that it was seen at.
struct Hits {
  std::uint64_t count = 0;
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  void add(std::uint64_t element) {
    ++count;
    if (element < first) first = element;
  }
  void add(const Hits& other) {
    count += other.count;
    if (other.first < first) first = other.first;
  }
};

/// F16, BF16, F32, and C64 as pairs of F32.
[[nodiscard]] bool is_scannable(Dtype dtype) noexcept;

/// Is any element NaN or infinite? The fast question, asked of every byte of a file.
[[nodiscard]] bool any_non_finite(Dtype dtype, std::span<const std::byte> data);
/// Which and how many: only for data that any_non_finite() is true of. Elements are counted from `first_element`.
void count_non_finite(Dtype dtype, std::span<const std::byte> data, std::uint64_t first_element, Hits& nan, Hits& infinity);

/// Groups with scale > 0 and bias > 0. Equal dtypes and sizes.
[[nodiscard]] bool any_both_positive(Dtype dtype, std::span<const std::byte> scales, std::span<const std::byte> biases);
void count_both_positive(Dtype dtype, std::span<const std::byte> scales, std::span<const std::byte> biases,
                         std::uint64_t first_element, Hits& hits);

/// Every element is zero; for floats, of either sign.
[[nodiscard]] bool all_zero(Dtype dtype, std::span<const std::byte> data);

}  // namespace kvcache::detail
