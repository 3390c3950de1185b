#include "kvcache/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "tensor/overflow.h"
#include "tensor/position.h"
#include "tensor/quantize_layout.h"
#include "tensor/quantize_scalar.h"
#include "tensor/scratch.h"
#include "tensor/simd/kernels.h"

namespace kvcache {
namespace {

constexpr std::array<std::int64_t, 6> supported_bits{2, 3, 4, 5, 6, 8};
constexpr std::array<std::int64_t, 3> supported_group_sizes{32, 64, 128};

/// Outputs: weights, scales, biases. A unit is one group, which unlike a row is never large.
class Quantization final : public Computation {
 public:
  Quantization(Tensor x, GroupLayout layout, QuantizeOptions options)
      : x_(std::move(x)), layout_(layout), options_(std::move(options)) {}

  [[nodiscard]] std::size_t outputs() const override { return 3; }
  [[nodiscard]] std::uint64_t units() const override { return x_.elements() / static_cast<std::uint64_t>(layout_.group_size); }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t output) const override {
    return output == 0 ? layout_.weight_bytes() : item_size(layout_.dtype);
  }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return layout_.value_bytes(); }

  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    const std::uint64_t tile = tile_bytes / layout_.value_bytes();
    const Scratch values(tile_bytes);
    const Scratch ignored(tile_bytes);  // for outputs that nobody asked for: half for weights, a quarter for each other
    const std::uint64_t end = first + count;
    for (std::uint64_t group = first; group < end; group += tile) {
      const std::uint64_t groups = std::min(tile, end - group);
      const auto place = [&](std::size_t output, std::size_t group_bytes) {
        if (out[output].empty()) return ignored.data() + (output == 0 ? 0 : tile_bytes / 4 * (output + 1));
        return out[output].data() + (group - first) * group_bytes;
      };
      const EncodedGroups encoded{place(0, layout_.weight_bytes()), place(1, item_size(layout_.dtype)),
                                  place(2, item_size(layout_.dtype))};
      const auto input = values.first(groups * layout_.value_bytes());
      x_.read(group * layout_.value_bytes(), input);
      if (!simd::encode(layout_, input.data(), groups, encoded)) check(input, group, groups, encoded);
      // Measured with the weights, in case the outputs are read one after the other.
      if (options_.stats && !out[0].empty()) measure(input, groups, encoded);
    }
  }

 private:
  void measure(std::span<const std::byte> input, std::uint64_t groups, EncodedGroups encoded) const {
    const Scratch decoded(tile_bytes);
    simd::decode(layout_, {encoded.weights, encoded.scales, encoded.biases}, groups, layout_.dtype, decoded.data());
    const std::size_t count = input.size() / item_size(layout_.dtype);
    const simd::Difference difference = simd::compare(layout_.dtype, input.data(), decoded.data(), count);
    options_.stats->add(difference.max_abs, difference.sum_sq_error, difference.sum_sq_signal, count);
  }

  // What the kernel has found something in: throws for values that cannot be quantized, or for codes that would not decode.
  void check(std::span<const std::byte> input, std::uint64_t first_group, std::uint64_t groups, EncodedGroups encoded) const {
    const std::size_t item = item_size(layout_.dtype);
    for (std::size_t at = 0; at < input.size(); at += item) {
      const float value = scalar::load(layout_.dtype, input.data() + at);
      if (!std::isfinite(value)) throw_not_finite(value, first_group * group_size() + at / item);
    }
    for (std::uint64_t g = 0; g < groups; ++g) {
      const ConstEncodedGroups one{encoded.weights + g * layout_.weight_bytes(), encoded.scales + g * item,
                                   encoded.biases + g * item};
      if (!std::isfinite(scalar::load(layout_.dtype, one.scales))) throw_too_wide(first_group + g);
      if (const auto at = overflowing_value(layout_, one)) throw_overflow((first_group + g) * group_size() + *at);
    }
  }

  [[nodiscard]] std::uint64_t group_size() const { return static_cast<std::uint64_t>(layout_.group_size); }

  [[noreturn]] void throw_not_finite(float value, std::uint64_t element) const {
    throw Error(
        ErrorKind::impossible,
        fmt::format("{}: {} at {}", options_.label,
                    std::isnan(value) ? "NaN"
                    : value > 0       ? "infinity"
                                      : "-infinity",
                    describe_position(x_.shape(), element)),
        "one such value would spoil the scale of its whole group; this cache was damaged when it was computed, make it anew");
  }

  // The reference would write an infinite scale, and its group would decode to NaN.
  [[noreturn]] void throw_too_wide(std::uint64_t group) const {
    throw Error(ErrorKind::impossible,
                fmt::format("{}: the {} values from {} on are so far apart that their scale would be infinite", options_.label,
                            layout_.group_size, describe_position(x_.shape(), group * group_size())),
                Remedy("no model computes such values: make the cache anew, or leave the layer out with ") +
                    Remedy(Remedy::Action::repeat, {{"layers", ""}}));
  }

  // The reference writes such codes, and what attention makes of them is NaN.
  [[noreturn]] void throw_overflow(std::uint64_t element) const {
    const bool f16 = layout_.dtype == Dtype::F16;
    throw Error(
        ErrorKind::impossible,
        fmt::format("{}: the values of the group of {} at {} are so far apart that {} bits would decode to infinity: code "
                    "times scale is beyond {}",
                    options_.label, layout_.group_size, describe_position(x_.shape(), element), layout_.bits,
                    name(layout_.dtype)),
        !f16 || options_.wider.empty()
            ? Remedy("make the cache anew, or leave the layer out with ") + Remedy(Remedy::Action::repeat, {{"layers", ""}})
            : options_.wider + " first: BF16 has the range of F32");
  }

  Tensor x_;
  GroupLayout layout_;
  QuantizeOptions options_;
};

std::string group_size_hint(std::int64_t head_dim) {
  std::string sizes;
  for (const std::int64_t size : supported_group_sizes) {
    if (head_dim % size == 0) sizes += fmt::format("{}{}", sizes.empty() ? "" : " or ", size);
  }
  if (sizes.empty()) return "no group size (32, 64, 128) divides it: this tensor cannot be quantized";
  return fmt::format("use group size {}", sizes);
}

}  // namespace

bool is_supported_bits(std::int64_t bits) noexcept {
  return std::find(supported_bits.begin(), supported_bits.end(), bits) != supported_bits.end();
}

bool is_supported_group_size(std::int64_t group_size) noexcept {
  return std::find(supported_group_sizes.begin(), supported_group_sizes.end(), group_size) != supported_group_sizes.end();
}

Quantized quantize(const Tensor& x, int bits, int group_size, QuantizeOptions options) {
  if (options.label.empty()) options.label = "tensor";
  if (!is_supported_bits(bits)) {
    throw Error(ErrorKind::usage, fmt::format("{}: cannot quantize to {} bits", options.label, bits), "use 2, 3, 4, 5, 6 or 8");
  }
  if (!is_supported_group_size(group_size)) {
    throw Error(ErrorKind::usage, fmt::format("{}: cannot quantize in groups of {}", options.label, group_size),
                "use 32, 64 or 128");
  }
  if (!is_float(x.dtype()) || x.rank() == 0) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: cannot quantize {} {}", options.label, name(x.dtype()), to_string(x.shape())),
                "only F16, BF16 and F32 arrays can be quantized");
  }
  const std::int64_t head_dim = x.dim(-1);
  if (head_dim % group_size != 0) {
    throw Error(ErrorKind::impossible,
                fmt::format("{}: head dim {} is not a multiple of group size {}", options.label, head_dim, group_size),
                group_size_hint(head_dim));
  }
  Shape packed = x.shape();
  packed.back() = head_dim * bits / 32;
  Shape grouped = x.shape();
  grouped.back() = head_dim / group_size;
  if (x.elements() == 0) {
    return {Tensor::zeros(Dtype::U32, std::move(packed)), Tensor::zeros(x.dtype(), grouped), Tensor::zeros(x.dtype(), grouped)};
  }
  const auto computation = std::make_shared<Quantization>(x, GroupLayout{x.dtype(), bits, group_size}, std::move(options));
  return {Tensor::computed(computation, 0, Dtype::U32, std::move(packed)), Tensor::computed(computation, 1, x.dtype(), grouped),
          Tensor::computed(computation, 2, x.dtype(), grouped)};
}

}  // namespace kvcache
