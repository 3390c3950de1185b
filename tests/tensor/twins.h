// Tensors for the tests: the same contents as a lazy tensor and as a naive array, from each kind of leaf, and a computation
// whose every byte is known.
#pragma once

#include <rapidcheck.h>
#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/error.h"
#include "kvcache/tensor.h"
#include "naive.h"

namespace test {

using kvcache::concatenate;
using kvcache::Dtype;
using kvcache::Extent;
using kvcache::Shape;
using kvcache::Tensor;

using Bytes = std::vector<std::byte>;

/// Bytes without a pattern that a wrong rearrangement could hide in; none is zero, so that padding shows.
inline Bytes some_bytes(std::size_t size, std::uint32_t seed = 1) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(1U + (seed >> 8U) % 255U);
  }
  return bytes;
}

inline Bytes read_all(const Tensor& tensor) {
  Bytes bytes(tensor.nbytes(), std::byte{0xee});
  tensor.read(0, bytes);
  return bytes;
}

inline std::vector<Extent> extents_of(const Tensor& tensor, std::uint64_t begin, std::uint64_t end) {
  std::vector<Extent> extents;
  tensor.visit(begin, end, [&](const Extent& extent) { extents.push_back(extent); });
  return extents;
}

inline std::vector<Extent> extents_of(const Tensor& tensor) {
  return extents_of(tensor, 0, tensor.nbytes());
}

/// I32 tensor with the values 0, 1, 2, ... and its contents back.
inline Tensor iota(const Shape& shape) {
  std::vector<std::int32_t> values(naive::count(shape));
  std::iota(values.begin(), values.end(), 0);
  return Tensor::of_i32(values).reshape(shape);
}
using Ints = std::vector<std::int64_t>;

/// Stands in for a file.
class FakeFile final : public kvcache::ByteSource {
 public:
  explicit FakeFile(Bytes bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::string label() const override { return "a file"; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset + out.size() > bytes_.size()) throw kvcache::Error(kvcache::ErrorKind::io, "read past the end");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }

 private:
  Bytes bytes_;
};

/// Several outputs of given contents, handed out by units. Checks that it is called as the interface promises.
class FakeComputation final : public kvcache::Computation {
 public:
  FakeComputation(std::uint64_t units, std::vector<Bytes> outputs, std::uint64_t input_bytes = 64)
      : units_(units), outputs_(std::move(outputs)), input_bytes_(input_bytes) {}
  [[nodiscard]] std::size_t outputs() const override { return outputs_.size(); }
  [[nodiscard]] std::uint64_t units() const override { return units_; }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t output) const override { return outputs_.at(output).size() / units_; }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return input_bytes_; }
  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    if (count == 0 || first + count > units_ || out.size() != outputs_.size()) throw std::logic_error("bad call of evaluate()");
    ++calls;
    largest = std::max(largest.load(), count);
    for (std::size_t k = 0; k < out.size(); ++k) {
      if (out[k].empty()) continue;
      if (out[k].size() != count * unit_bytes(k)) throw std::logic_error("output of a wrong size");
      std::copy_n(outputs_[k].begin() + static_cast<std::ptrdiff_t>(first * unit_bytes(k)), out[k].size(), out[k].begin());
      ++wanted;
    }
  }
  mutable std::atomic<std::uint64_t> calls{0};
  mutable std::atomic<std::uint64_t> wanted{0};   ///< outputs asked for, over all calls
  mutable std::atomic<std::uint64_t> largest{0};  ///< units of the largest call

 private:
  std::uint64_t units_;
  std::vector<Bytes> outputs_;
  std::uint64_t input_bytes_;
};

struct Twins {
  Tensor lazy;
  naive::Array eager;
};

inline bool agree(const Twins& twins) {
  return twins.lazy.dtype() == twins.eager.dtype && twins.lazy.shape() == twins.eager.shape &&
         read_all(twins.lazy) == twins.eager.bytes;
}

/// Random contents of a given type and shape, in memory, in a file, computed, or zeros.
inline Twins random_leaf(Dtype dtype, const Shape& shape) {
  const std::size_t size = naive::count(shape) * kvcache::item_size(dtype);
  const Bytes bytes = some_bytes(size, *rc::gen::arbitrary<std::uint32_t>());
  const int kind = *rc::gen::inRange(0, 4);
  if (kind == 1) {
    Bytes file = some_bytes(size + 10);
    std::copy(bytes.begin(), bytes.end(), file.begin() + 7);
    return {Tensor::stored(std::make_shared<FakeFile>(std::move(file)), 7, dtype, shape), {dtype, shape, bytes}};
  }
  if (kind == 2 && size > 0) {
    const auto units = static_cast<std::uint64_t>(shape.empty() ? 1 : shape.front());
    const auto computation = std::make_shared<FakeComputation>(units, std::vector<Bytes>{Bytes(units), bytes});
    return {Tensor::computed(computation, 1, dtype, shape), {dtype, shape, bytes}};
  }
  if (kind == 3) return {Tensor::zeros(dtype, shape), {dtype, shape, Bytes(size)}};
  return {Tensor::of_bytes(dtype, shape, bytes), {dtype, shape, bytes}};
}

/// Rank 1 to 4, now and then without elements; items of 1, 2, 4 and 8 bytes.
inline Twins random_leaf() {
  const auto dtype = *rc::gen::element(Dtype::U8, Dtype::BF16, Dtype::F32, Dtype::C64);
  const auto rank = *rc::gen::inRange<std::size_t>(1, 5);
  const auto dims = rc::gen::weightedElement<std::int64_t>({{1, 0}, {6, 1}, {6, 2}, {6, 3}, {6, 5}});
  const auto shape = *rc::gen::container<std::vector<std::int64_t>>(rank, dims);
  return random_leaf(dtype, Shape(shape.begin(), shape.end()));
}

}  // namespace test
