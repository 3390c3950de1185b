// Structural operations: each checks its arguments, settles the trivial cases and wraps the node in another one.
//
// Whatever has no elements becomes zeros of its shape, so that nodes never meet a block of zero bytes.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/tensor.h"
#include "tensor/axis_layout.h"
#include "tensor/nodes/node.h"

namespace kvcache {
namespace {

Shape with_dim(Shape shape, std::size_t axis, std::int64_t dim) {
  shape[axis] = dim;
  return shape;
}

// The shift to the right in [0, dim) that does the same as any shift; dim > 0.
std::uint64_t wrapped(std::int64_t shift, std::int64_t dim) {
  const std::int64_t rest = shift % dim;
  return static_cast<std::uint64_t>(rest < 0 ? rest + dim : rest);
}

// Throws unless `part` can be joined with `first` along `axis`.
void check_joins(const Tensor& first, const Tensor& part, std::size_t axis) {
  if (part.dtype() != first.dtype()) {
    throw Error(ErrorKind::usage, fmt::format("cannot concatenate {} with {}", name(first.dtype()), name(part.dtype())),
                "cast one of them first");
  }
  if (part.rank() != first.rank() || with_dim(part.shape(), axis, 0) != with_dim(first.shape(), axis, 0)) {
    throw Error(ErrorKind::usage, fmt::format("cannot concatenate {} with {} along axis {}", to_string(first.shape()),
                                              to_string(part.shape()), axis));
  }
}

}  // namespace

Tensor Tensor::slice(int axis, std::int64_t begin, std::int64_t end) const {
  const std::size_t at = detail::resolve_axis(shape(), axis);
  if (begin < 0 || begin > end || end > shape_[at]) {
    throw Error(ErrorKind::usage, fmt::format("slice {}..{} is not within axis {} of {}", begin, end, at, to_string(shape_)));
  }
  if (begin == 0 && end == shape_[at]) return *this;
  Shape shape = with_dim(shape_, at, end - begin);
  if (element_count(shape) == 0U) return zeros(dtype_, std::move(shape));
  const auto layout = detail::layout_around(dtype_, shape_, at);
  const std::uint64_t skip = static_cast<std::uint64_t>(begin) * layout.row_bytes;
  const std::uint64_t length = static_cast<std::uint64_t>(end - begin) * layout.row_bytes;
  return {detail::slice_node(node_, layout.block_bytes(), skip, length), dtype_, std::move(shape)};
}

Tensor Tensor::take(int axis, std::span<const std::int64_t> indices) const {
  const std::size_t at = detail::resolve_axis(shape(), axis);
  bool ascending = true;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= shape_[at]) {
      throw Error(ErrorKind::usage, fmt::format("index {} is not within axis {} of {}", indices[i], at, to_string(shape_)));
    }
    ascending = ascending && indices[i] == indices[0] + static_cast<std::int64_t>(i);
  }
  if (ascending && !indices.empty()) return slice(axis, indices.front(), indices.back() + 1);
  Shape shape = with_dim(shape_, at, static_cast<std::int64_t>(indices.size()));
  // Repeated indices may make it larger than the original.
  if (detail::checked_nbytes(dtype_, shape) == 0) return zeros(dtype_, std::move(shape));
  const auto layout = detail::layout_around(dtype_, shape_, at);
  return {detail::take_node(node_, layout.block_bytes(), layout.row_bytes, {indices.begin(), indices.end()}), dtype_,
          std::move(shape)};
}

Tensor Tensor::pad(int axis, std::int64_t before, std::int64_t after) const {
  const std::size_t at = detail::resolve_axis(shape(), axis);
  if (before < 0 || after < 0) {
    throw Error(ErrorKind::usage, fmt::format("cannot pad axis {} of {} by {} and {}: padding is never negative", at,
                                              to_string(shape_), before, after));
  }
  return concatenate({zeros(dtype_, with_dim(shape_, at, before)), *this, zeros(dtype_, with_dim(shape_, at, after))}, axis);
}

Tensor Tensor::roll(int axis, std::int64_t shift) const {
  const std::size_t at = detail::resolve_axis(shape(), axis);
  if (nbytes() == 0) return *this;
  const std::uint64_t rows = wrapped(shift, shape_[at]);
  if (rows == 0) return *this;
  const auto layout = detail::layout_around(dtype_, shape_, at);
  return {detail::roll_node(node_, layout.block_bytes(), {rows * layout.row_bytes}, layout.blocks), dtype_, shape_};
}

Tensor Tensor::roll_each(int axis, std::span<const std::int64_t> shifts) const {
  const std::size_t at = detail::resolve_axis(shape(), axis);
  if (at == 0) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot roll axis 0 of {} by a shift for each index of axis 0", to_string(shape_)));
  }
  if (shifts.size() != static_cast<std::size_t>(shape_[0])) {
    throw Error(ErrorKind::usage,
                fmt::format("{} shifts do not fit axis 0 of {}: one for each index", shifts.size(), to_string(shape_)));
  }
  if (nbytes() == 0) return *this;
  const auto layout = detail::layout_around(dtype_, shape_, at);
  std::vector<std::uint64_t> bytes(shifts.size());
  std::transform(shifts.begin(), shifts.end(), bytes.begin(),
                 [&](std::int64_t shift) { return wrapped(shift, shape_[at]) * layout.row_bytes; });
  if (std::all_of(bytes.begin(), bytes.end(), [](std::uint64_t shift) { return shift == 0; })) return *this;
  const std::uint64_t blocks_per_shift = layout.blocks / shifts.size();
  return {detail::roll_node(node_, layout.block_bytes(), std::move(bytes), blocks_per_shift), dtype_, shape_};
}

Tensor Tensor::reshape(Shape shape) const {
  if (detail::checked_nbytes(dtype(), shape) != nbytes()) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot reshape {} to {}: the numbers of elements differ", to_string(shape_), to_string(shape)));
  }
  return {node_, dtype_, std::move(shape)};
}

Tensor concatenate(std::span<const Tensor> parts, int axis) {
  if (parts.empty()) throw Error(ErrorKind::usage, "concatenating needs at least one tensor");
  const Tensor& first = parts.front();
  const std::size_t at = detail::resolve_axis(first.shape(), axis);
  std::int64_t total = 0;
  std::vector<const Tensor*> used;
  for (const Tensor& part : parts) {
    check_joins(first, part, at);
    total += part.shape_[at];
    if (part.shape_[at] > 0) used.push_back(&part);
  }
  if (used.size() == 1) return *used.front();
  Shape shape = with_dim(first.shape_, at, total);
  if (detail::checked_nbytes(first.dtype_, shape) == 0) return Tensor::zeros(first.dtype_, std::move(shape));
  std::vector<detail::ConcatPart> joined;
  joined.reserve(used.size());
  for (const Tensor* part : used) {
    joined.push_back({part->node_, detail::layout_around(part->dtype_, part->shape_, at).block_bytes()});
  }
  return {detail::concat_node(std::move(joined)), first.dtype_, std::move(shape)};
}

Tensor concatenate(std::initializer_list<Tensor> parts, int axis) {
  return concatenate(std::span<const Tensor>(parts.begin(), parts.size()), axis);
}

}  // namespace kvcache
