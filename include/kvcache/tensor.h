// Immutable, lazily evaluated arrays.
//
// A Tensor is a description of where its bytes come from: a byte range of a file, of memory, zeros, a rearrangement of other
// tensors, or a computation. Slicing, concatenating, padding, rolling and taking only wrap descriptions: no byte is touched
// and memory is proportional to the number of operations, never to the number of elements. Bytes flow when a tensor is
// written to a file (safetensors.h) or read() is called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "kvcache/byte_source.h"
#include "kvcache/dtype.h"

namespace [[gnu::visibility("default")]] kvcache {

/// A computation with one or more outputs that are produced together (packed codes, scales and biases of a quantization).
/// Work is divided into units, the smallest pieces that can be computed alone (one row of the last axis). Output k holds
/// unit_bytes(k) contiguous bytes per unit, in unit order. evaluate() is called from several threads at once.
class Computation {
 public:
  Computation() = default;
  Computation(const Computation&) = delete;
  Computation& operator=(const Computation&) = delete;
  virtual ~Computation() = default;
  [[nodiscard]] virtual std::size_t outputs() const = 0;                         ///< at least one
  [[nodiscard]] virtual std::uint64_t units() const = 0;                         ///< of every output
  [[nodiscard]] virtual std::uint64_t unit_bytes(std::size_t output) const = 0;  ///< of one unit
  /// Bytes of input per unit: what a scheduler sizes tiles by.
  [[nodiscard]] virtual std::uint64_t unit_input_bytes() const = 0;
  /// Compute units [first, first+count). out[k] has count*unit_bytes(k) bytes, or is empty when output k is not wanted.
  virtual void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const = 0;
};

/// A run of consecutive bytes of a tensor and where they come from.
struct Extent {
  /// Where bytes come from. Values are part of the binary interface: none is changed or used again, new ones come at the end.
  enum class Kind : std::uint8_t { source = 0, zeros = 1, computed = 2 };
  Kind kind = Kind::zeros;                   ///< which of the fields below count
  std::uint64_t length = 0;                  ///< bytes
  const ByteSource* source = nullptr;        ///< kind source
  const Computation* computation = nullptr;  ///< kind computed
  std::size_t output = 0;                    ///< kind computed: which output
  std::uint64_t offset = 0;                  ///< within the source or the output, bytes
};
/// What visit() calls.
using ExtentSink = std::function<void(const Extent&)>;

namespace detail {
class Node;
class StoredArrays;
}

/// An immutable array, row-major and little-endian. Cheap to copy.
class Tensor {
 public:
  /// No tensor: an absent array (never-used cache, unset slot). defined() is false and everything else throws.
  Tensor() = default;

  /// Bytes [offset, offset+nbytes) of a source. Throws Error(unreadable) when they reach past its end.
  static Tensor stored(std::shared_ptr<const ByteSource> source, std::uint64_t offset, Dtype dtype, Shape shape);
  /// Zeros that take no memory.
  static Tensor zeros(Dtype dtype, Shape shape);
  /// Owns a copy of the bytes (row-major, little-endian). Throws Error(usage) when their number does not fit.
  static Tensor of_bytes(Dtype dtype, Shape shape, std::vector<std::byte> bytes);
  static Tensor of_i32(std::span<const std::int32_t> values);  ///< I32, shape [n]
  /// Output `output` of a computation. Throws Error(usage) when the number of bytes does not fit.
  static Tensor computed(std::shared_ptr<const Computation> computation, std::size_t output, Dtype dtype, Shape shape);

  [[nodiscard]] bool defined() const noexcept { return node_ != nullptr; }  ///< it is a tensor
  [[nodiscard]] Dtype dtype() const;                                        ///< of every element
  /// Dimensions, outermost first.
  [[nodiscard]] const Shape& shape() const {
    if (!defined()) refuse_absent();
    return shape_;
  }
  [[nodiscard]] std::size_t rank() const { return shape().size(); }  ///< how many dimensions
  /// Dimension of an axis; negative axes count from the end. Throws Error(usage) when there is no such axis.
  [[nodiscard]] std::int64_t dim(int axis) const {
    const auto at = static_cast<std::size_t>(axis);  // huge for a negative one
    return at < rank() ? shape_[at] : dim_of(axis);
  }
  [[nodiscard]] std::uint64_t elements() const;  ///< product of the dimensions
  [[nodiscard]] std::uint64_t nbytes() const;    ///< elements() times item_size(dtype())

  // Structural operations. All throw Error(usage) on an axis or index out of range; axes may be negative.
  [[nodiscard]] Tensor slice(int axis, std::int64_t begin, std::int64_t end) const;   ///< 0 <= begin <= end <= dim
  [[nodiscard]] Tensor take(int axis, std::span<const std::int64_t> indices) const;   ///< repeats allowed
  [[nodiscard]] Tensor pad(int axis, std::int64_t before, std::int64_t after) const;  ///< zero rows around
  /// out[t] = in[(t - shift) mod n] along `axis`, as mx.roll.
  [[nodiscard]] Tensor roll(int axis, std::int64_t shift) const;
  /// As roll, with a shift of its own for each index of axis 0 (the reference's dynamic_roll). axis != 0.
  [[nodiscard]] Tensor roll_each(int axis, std::span<const std::int64_t> shifts) const;
  [[nodiscard]] Tensor reshape(Shape shape) const;  ///< same number of elements, row-major order kept

  /// Copy bytes [begin, begin+out.size()) of the row-major contents. Safe to call from several threads.
  void read(std::uint64_t begin, std::span<std::byte> out) const;
  /// Call `sink` for consecutive runs that make up bytes [begin, end). Runs stay valid while this tensor lives.
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const;
  /// All values of a small I32 or I64 array. Throws Error(impossible) above `limit` elements or for another dtype.
  [[nodiscard]] std::vector<std::int64_t> integers(std::uint64_t limit = 1U << 20U) const;

  friend Tensor concatenate(std::span<const Tensor> parts, int axis);
  friend class detail::StoredArrays;

 private:
  Tensor(std::shared_ptr<const detail::Node> node, Dtype dtype, Shape shape);
  [[noreturn]] static void refuse_absent();
  [[nodiscard]] std::int64_t dim_of(int axis) const;
  std::shared_ptr<const detail::Node> node_;
  Dtype dtype_ = Dtype::U8;
  Shape shape_;
};

/// Join along an axis. All parts have equal dtype and equal dims elsewhere, else Error(usage). At least one part.
[[nodiscard]] Tensor concatenate(std::span<const Tensor> parts, int axis);
/// @copydoc concatenate(std::span<const Tensor>, int)
[[nodiscard]] Tensor concatenate(std::initializer_list<Tensor> parts, int axis);

}  // namespace kvcache
