// Where the bytes of a tensor come from (visit) and what they are (read).
#include <algorithm>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/tensor.h"
#include "tensor/nodes/node.h"
#include "tensor/scratch.h"

namespace kvcache {
namespace {

// Joins extents that continue each other. Slicing off what was concatenated before, or taking neighbours one by one, then
// costs one read or one copy in the kernel instead of many.
class Joiner {
 public:
  explicit Joiner(const ExtentSink& sink) : sink_(sink) {}
  void add(const Extent& extent) {
    if (continues(extent)) {
      pending_.length += extent.length;
    } else {
      flush();
      pending_ = extent;
    }
  }
  void flush() const {
    if (pending_.length > 0) sink_(pending_);
  }

 private:
  [[nodiscard]] bool continues(const Extent& next) const noexcept {
    return pending_.kind == next.kind && pending_.source == next.source && pending_.computation == next.computation &&
           pending_.output == next.output &&
           (next.kind == Extent::Kind::zeros || pending_.offset + pending_.length == next.offset);
  }

  const ExtentSink& sink_;
  Extent pending_;
};

// Copies the extents of one read() into its buffer, in order.
class Reader {
 public:
  explicit Reader(std::span<std::byte> out) : rest_(out) {}
  void add(const Extent& extent) {
    const auto out = rest_.first(extent.length);
    rest_ = rest_.subspan(extent.length);
    switch (extent.kind) {
      case Extent::Kind::source:
        extent.source->read_at(extent.offset, out);
        break;
      case Extent::Kind::zeros:
        std::fill(out.begin(), out.end(), std::byte{0});
        break;
      case Extent::Kind::computed:
        compute(extent, out);
        break;
    }
  }

 private:
  // Input of one call of evaluate(): bounds what a computation has to hold, and stays in the L2 cache.
  static constexpr std::uint64_t tile_bytes = 256U << 10U;

  // Whole units are computed in place; a unit of which only a part is wanted is computed aside.
  void compute(const Extent& extent, std::span<std::byte> out) {
    const Computation& computation = *extent.computation;
    const std::uint64_t unit = computation.unit_bytes(extent.output);
    const std::uint64_t tile =
        std::max<std::uint64_t>(1, tile_bytes / std::max<std::uint64_t>(1, computation.unit_input_bytes()));
    std::uint64_t index = extent.offset / unit;
    std::uint64_t skip = extent.offset % unit;
    while (!out.empty()) {
      std::uint64_t count = std::min(tile, out.size() / unit);
      std::uint64_t length = count * unit;
      if (skip == 0 && count > 0) {
        evaluate(extent, index, count, out.first(length));
      } else {
        const Scratch whole(unit);
        evaluate(extent, index, 1, whole.first(unit));
        count = 1;
        length = std::min<std::uint64_t>(unit - skip, out.size());
        std::copy_n(whole.data() + skip, length, out.data());
        skip = 0;
      }
      index += count;
      out = out.subspan(length);
    }
  }

  void evaluate(const Extent& extent, std::uint64_t first, std::uint64_t count, std::span<std::byte> out) {
    outputs_.assign(extent.computation->outputs(), {});
    outputs_[extent.output] = out;
    extent.computation->evaluate(first, count, outputs_);
  }

  std::span<std::byte> rest_;
  std::vector<std::span<std::byte>> outputs_;
};

}  // namespace

void Tensor::visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const {
  if (begin > end || end > nbytes()) {
    throw Error(ErrorKind::usage, fmt::format("bytes {}..{} are not within the {} bytes of {} {}", begin, end, nbytes(),
                                              name(dtype_), to_string(shape_)));
  }
  if (begin == end) return;
  Joiner joiner(sink);
  node_->visit(begin, end, [&](const Extent& extent) { joiner.add(extent); });
  joiner.flush();
}

void Tensor::read(std::uint64_t begin, std::span<std::byte> out) const {
  if (begin > nbytes() || out.size() > nbytes() - begin) {
    throw Error(ErrorKind::usage, fmt::format("{} bytes at {} are not within the {} bytes of {} {}", out.size(), begin,
                                              nbytes(), name(dtype_), to_string(shape_)));
  }
  Reader reader(out);
  visit(begin, begin + out.size(), [&](const Extent& extent) { reader.add(extent); });
}

std::vector<std::int64_t> Tensor::integers(std::uint64_t limit) const {
  if (dtype() != Dtype::I32 && dtype_ != Dtype::I64) {
    throw Error(ErrorKind::impossible, fmt::format("{} {} does not hold I32 or I64 integers", name(dtype_), to_string(shape_)));
  }
  if (elements() > limit) {
    throw Error(ErrorKind::impossible,
                fmt::format("{} {} has more than the {} integers expected here", name(dtype_), to_string(shape_), limit));
  }
  std::vector<std::int64_t> wide(elements());
  if (dtype_ == Dtype::I64) {
    read(0, std::as_writable_bytes(std::span(wide)));
    return wide;
  }
  std::vector<std::int32_t> narrow(elements());
  read(0, std::as_writable_bytes(std::span(narrow)));
  std::copy(narrow.begin(), narrow.end(), wide.begin());
  return wide;
}

}  // namespace kvcache
