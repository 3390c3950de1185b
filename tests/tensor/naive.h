// What the structural operations mean, spelled out element by element over plain vectors: the model that the lazy tensors are
// compared with. Negative axes, errors and laziness are not modelled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "kvcache/tensor.h"

namespace naive {

using kvcache::Dtype;
using kvcache::Shape;

struct Array {
  Dtype dtype;
  Shape shape;
  std::vector<std::byte> bytes;  // row-major
};

inline std::size_t count(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1},
                         [](std::size_t product, std::int64_t dim) { return product * static_cast<std::size_t>(dim); });
}

inline Shape index_of(std::size_t position, const Shape& shape) {
  Shape index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    index[i] = static_cast<std::int64_t>(position) % shape[i];
    position /= static_cast<std::size_t>(shape[i]);
  }
  return index;
}

inline std::size_t position_of(const Shape& index, const Shape& shape) {
  std::size_t position = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) position = position * static_cast<std::size_t>(shape[i]) + index[i];
  return position;
}

// Each element of the output from the index of the input that `from` gives, or zero where it gives nothing.
inline Array rearrange(const Array& in, Shape shape, const std::function<std::optional<Shape>(Shape)>& from) {
  const std::size_t size = kvcache::item_size(in.dtype);
  Array out{in.dtype, std::move(shape), {}};
  for (std::size_t i = 0; i < count(out.shape); ++i) {
    const auto index = from(index_of(i, out.shape));
    for (std::size_t k = 0; k < size; ++k) {
      out.bytes.push_back(index ? in.bytes[position_of(*index, in.shape) * size + k] : std::byte{0});
    }
  }
  return out;
}

inline Array slice(const Array& in, std::size_t axis, std::int64_t begin, std::int64_t end) {
  Shape shape = in.shape;
  shape[axis] = end - begin;
  return rearrange(in, shape, [=](Shape index) {
    index[axis] += begin;
    return index;
  });
}

inline Array take(const Array& in, std::size_t axis, const std::vector<std::int64_t>& indices) {
  Shape shape = in.shape;
  shape[axis] = static_cast<std::int64_t>(indices.size());
  return rearrange(in, shape, [&](Shape index) {
    index[axis] = indices[static_cast<std::size_t>(index[axis])];
    return index;
  });
}

inline Array pad(const Array& in, std::size_t axis, std::int64_t before, std::int64_t after) {
  Shape shape = in.shape;
  shape[axis] += before + after;
  return rearrange(in, shape, [&](Shape index) -> std::optional<Shape> {
    index[axis] -= before;
    if (index[axis] < 0 || index[axis] >= in.shape[axis]) return std::nullopt;
    return index;
  });
}

// `shifts` has one for each index of axis 0.
inline Array roll_each(const Array& in, std::size_t axis, const std::vector<std::int64_t>& shifts) {
  return rearrange(in, in.shape, [&](Shape index) {
    const std::int64_t n = in.shape[axis];
    const std::int64_t t = (index[axis] - shifts[static_cast<std::size_t>(index[0])]) % n;
    index[axis] = t < 0 ? t + n : t;
    return index;
  });
}

inline Array roll(const Array& in, std::size_t axis, std::int64_t shift) {
  return roll_each(in, axis, std::vector<std::int64_t>(static_cast<std::size_t>(in.shape[0]), shift));
}

inline Array concatenate(const Array& a, const Array& b, std::size_t axis) {
  Array out = pad(a, axis, 0, b.shape[axis]);
  const Array right = pad(b, axis, a.shape[axis], 0);
  for (std::size_t i = 0; i < out.bytes.size(); ++i) out.bytes[i] |= right.bytes[i];
  return out;
}

}  // namespace naive
