// Making tensors and asking what they are. Operations are in structure.cpp, bytes in read.cpp.
#include "kvcache/tensor.h"

#include <bit>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "tensor/axis_layout.h"
#include "tensor/nodes/node.h"

namespace kvcache {

// Bytes of files are little-endian and are used as they are.
static_assert(std::endian::native == std::endian::little, "kvcache supports little-endian machines only");

Tensor::Tensor(std::shared_ptr<const detail::Node> node, Dtype dtype, Shape shape)
    : node_(std::move(node)), dtype_(dtype), shape_(std::move(shape)) {}

Tensor Tensor::stored(std::shared_ptr<const ByteSource> source, std::uint64_t offset, Dtype dtype, Shape shape) {
  const std::uint64_t bytes = detail::checked_nbytes(dtype, shape);
  if (!source) throw Error(ErrorKind::usage, "a stored tensor needs a source");
  const std::uint64_t size = source->size();
  if (offset > size || bytes > size - offset) {
    throw Error(ErrorKind::unreadable, fmt::format("{} {} needs {} bytes at offset {}, which reach past the end at {}",
                                                   name(dtype), to_string(shape), bytes, offset, size));
  }
  if (bytes == 0) return zeros(dtype, std::move(shape));
  return {detail::stored_node(std::move(source), offset), dtype, std::move(shape)};
}

Tensor Tensor::zeros(Dtype dtype, Shape shape) {
  static_cast<void>(detail::checked_nbytes(dtype, shape));
  return {detail::zeros_node(), dtype, std::move(shape)};
}

Tensor Tensor::of_bytes(Dtype dtype, Shape shape, std::vector<std::byte> bytes) {
  const std::uint64_t expected = detail::checked_nbytes(dtype, shape);
  if (bytes.size() != expected) {
    throw Error(ErrorKind::usage,
                fmt::format("{} {} has {} bytes, but {} were given", name(dtype), to_string(shape), expected, bytes.size()));
  }
  return stored(memory_source(std::move(bytes)), 0, dtype, std::move(shape));
}

Tensor Tensor::of_i32(std::span<const std::int32_t> values) {
  const auto bytes = std::as_bytes(values);
  return of_bytes(Dtype::I32, {static_cast<std::int64_t>(values.size())}, {bytes.begin(), bytes.end()});
}

Tensor Tensor::computed(std::shared_ptr<const Computation> computation, std::size_t output, Dtype dtype, Shape shape) {
  const std::uint64_t bytes = detail::checked_nbytes(dtype, shape);
  if (!computation) throw Error(ErrorKind::usage, "a computed tensor needs a computation");
  if (output >= computation->outputs()) {
    throw Error(ErrorKind::usage,
                fmt::format("a computation with {} outputs has no output {}", computation->outputs(), output));
  }
  const std::uint64_t units = computation->units();
  const std::uint64_t unit = computation->unit_bytes(output);
  std::uint64_t produced = 0;
  if (__builtin_mul_overflow(units, unit, &produced) || produced != bytes) {
    throw Error(ErrorKind::usage, fmt::format("{} {} has {} bytes, but its computation gives {} units of {} bytes", name(dtype),
                                              to_string(shape), bytes, units, unit));
  }
  if (bytes == 0) return zeros(dtype, std::move(shape));
  return {detail::computed_node(std::move(computation), output), dtype, std::move(shape)};
}

Dtype Tensor::dtype() const {
  static_cast<void>(shape());
  return dtype_;
}

void Tensor::refuse_absent() {
  throw Error(ErrorKind::usage, "an absent tensor has neither shape nor contents", "check defined() first");
}

std::int64_t Tensor::dim_of(int axis) const {
  return shape_[detail::resolve_axis(shape_, axis)];
}

std::uint64_t Tensor::elements() const {
  return nbytes() / item_size(dtype_);
}

std::uint64_t Tensor::nbytes() const {
  // That it fits was checked when this tensor was made.
  std::uint64_t bytes = item_size(dtype_);
  for (const std::int64_t dim : shape()) bytes *= static_cast<std::uint64_t>(dim);
  return bytes;
}

}  // namespace kvcache
