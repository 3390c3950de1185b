// Checked arithmetic on shapes, shared by the factories and the structural operations of Tensor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kvcache/dtype.h"

namespace kvcache::detail {

/// Bytes of a tensor. Throws Error(usage) for a dimension outside [0, 2^31-1], a rank above 32, or 2^63 bytes and more.
[[nodiscard]] std::uint64_t checked_nbytes(Dtype dtype, const Shape& shape);

/// Index of `axis`, which may count from the end. Throws Error(usage) when there is no such axis.
[[nodiscard]] std::size_t resolve_axis(const Shape& shape, int axis);

/// A shape seen from one of its axes: `blocks` blocks of `dim` rows of `row_bytes` bytes, row-major.
struct AxisLayout {
  std::uint64_t blocks;
  std::uint64_t dim;
  std::uint64_t row_bytes;
  [[nodiscard]] std::uint64_t block_bytes() const noexcept { return dim * row_bytes; }
};

/// Only for tensors with at least one element: with a zero among the dimensions the partial products could overflow.
[[nodiscard]] AxisLayout layout_around(Dtype dtype, const Shape& shape, std::size_t axis);

}  // namespace kvcache::detail
