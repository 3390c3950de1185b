#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/quantize.h"
#include "tensor/position.h"
#include "tensor/quantize_scalar.h"
#include "tensor/scratch.h"
#include "tensor/simd/kernels.h"

namespace kvcache {
namespace {

/// A unit is one element.
class Cast final : public Computation {
 public:
  Cast(Tensor x, Dtype to, CastOptions options) : x_(std::move(x)), to_(to), options_(std::move(options)) {}

  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return x_.elements(); }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return item_size(to_); }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return item_size(x_.dtype()); }

  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    if (out[0].empty()) return;
    const std::size_t item = item_size(x_.dtype());
    const Scratch buffer(tile_bytes);
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t elements = std::min<std::uint64_t>(tile_bytes / item, count - done);
      const auto input = buffer.first(elements * item);
      x_.read((first + done) * item, input);
      const std::uint64_t overflows =
          simd::convert(x_.dtype(), to_, input.data(), elements, out[0].data() + done * item_size(to_));
      if (overflows > 0 && !options_.allow_overflow) throw_overflow(input, first + done);
      if (overflows > 0 && options_.stats) options_.stats->add_overflows(overflows);
      done += elements;
    }
  }

 private:
  [[noreturn]] void throw_overflow(std::span<const std::byte> tile, std::uint64_t first) const {
    const std::size_t item = item_size(x_.dtype());
    std::byte converted[sizeof(float)];
    std::size_t at = 0;
    while (scalar::convert(x_.dtype(), to_, tile.data() + at, 1, converted) == 0) at += item;
    throw Error(
        ErrorKind::impossible,
        fmt::format("{}: {} at {} is beyond the range of {}", options_.label, scalar::load(x_.dtype(), tile.data() + at),
                    describe_position(x_.shape(), first + at / item), name(to_)),
        Remedy(to_ == Dtype::F16 ? "BF16 and F32 have room for it; " : "F32 has room for it; ") +
            Remedy(Remedy::Action::repeat, {{"allow_overflow", ""}}) + " makes infinities of such values");
  }

  Tensor x_;
  Dtype to_;
  CastOptions options_;
};

}  // namespace

Tensor cast(const Tensor& x, Dtype dtype, CastOptions options) {
  if (options.label.empty()) options.label = "tensor";
  if (!is_float(x.dtype()) || !is_float(dtype)) {
    throw Error(ErrorKind::usage, fmt::format("{}: cannot cast {} to {}", options.label, name(x.dtype()), name(dtype)),
                "casts are between F16, BF16 and F32");
  }
  if (x.dtype() == dtype) return x;
  if (x.elements() == 0) return Tensor::zeros(dtype, x.shape());
  Shape shape = x.shape();
  return Tensor::computed(std::make_shared<Cast>(x, dtype, std::move(options)), 0, dtype, std::move(shape));
}

}  // namespace kvcache
