#include "tensor/axis_layout.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::detail {

std::uint64_t checked_nbytes(Dtype dtype, const Shape& shape) {
  if (shape.size() > max_rank) {
    throw Error(ErrorKind::usage, fmt::format("{} dimensions are more than the {} a tensor may have", shape.size(), max_rank));
  }
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t dim) { return dim < 0 || dim > max_dim; })) {
    throw Error(ErrorKind::usage, fmt::format("shape {} has a dimension outside 0..{}", to_string(shape), max_dim));
  }
  const auto count = element_count(shape);
  const auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / item_size(dtype);
  if (!count || *count > limit) {
    throw Error(ErrorKind::usage, fmt::format("{} {} has 2^63 bytes or more", name(dtype), to_string(shape)));
  }
  return *count * item_size(dtype);
}

std::size_t resolve_axis(const Shape& shape, int axis) {
  const auto rank = static_cast<int>(shape.size());
  const int resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank) {
    throw Error(ErrorKind::usage, fmt::format("there is no axis {} in shape {}", axis, to_string(shape)));
  }
  return static_cast<std::size_t>(resolved);
}

AxisLayout layout_around(Dtype dtype, const Shape& shape, std::size_t axis) {
  AxisLayout layout{1, static_cast<std::uint64_t>(shape[axis]), item_size(dtype)};
  for (std::size_t i = 0; i < axis; ++i) layout.blocks *= static_cast<std::uint64_t>(shape[i]);
  for (std::size_t i = axis + 1; i < shape.size(); ++i) layout.row_bytes *= static_cast<std::uint64_t>(shape[i]);
  return layout;
}

}  // namespace kvcache::detail
