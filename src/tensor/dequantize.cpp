#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/quantize.h"
#include "tensor/overflow.h"
#include "tensor/position.h"
#include "tensor/quantize_layout.h"
#include "tensor/scratch.h"
#include "tensor/simd/kernels.h"

namespace kvcache {
namespace {

/// A unit is one group.
class Dequantization final : public Computation {
 public:
  Dequantization(Quantized q, GroupLayout layout, Dtype out, Shape shape, DequantizeOptions options)
      : q_(std::move(q)), layout_(layout), out_(out), shape_(std::move(shape)), options_(std::move(options)) {}

  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return q_.scales.elements(); }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return decoded_bytes(); }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override {
    return layout_.weight_bytes() + 2 * item_size(layout_.dtype);
  }

  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    if (out[0].empty()) return;
    const std::size_t item = item_size(layout_.dtype);
    const std::uint64_t tile = tile_bytes / (layout_.weight_bytes() + 2 * item);
    const Scratch input(tile_bytes);
    const std::uint64_t end = first + count;
    for (std::uint64_t group = first; group < end; group += tile) {
      const std::uint64_t groups = std::min(tile, end - group);
      const auto weights = input.first(groups * layout_.weight_bytes());
      const std::span<std::byte> scales{weights.data() + weights.size(), groups * item};
      const std::span<std::byte> biases{scales.data() + scales.size(), groups * item};
      q_.weights.read(group * layout_.weight_bytes(), weights);
      q_.scales.read(group * item, scales);
      q_.biases.read(group * item, biases);
      const ConstEncodedGroups encoded{weights.data(), scales.data(), biases.data()};
      // In float32 the product of a 16-bit scale cannot overflow.
      if (!options_.allow_infinity && out_ == layout_.dtype &&
          may_overflow(layout_, encoded.scales, encoded.biases, static_cast<std::size_t>(groups)))
        check(group, groups, encoded);
      simd::decode(layout_, encoded, groups, out_, out[0].data() + (group - first) * decoded_bytes());
    }
  }

 private:
  [[nodiscard]] std::size_t decoded_bytes() const { return static_cast<std::size_t>(layout_.group_size) * item_size(out_); }

  void check(std::uint64_t first_group, std::uint64_t groups, ConstEncodedGroups encoded) const {
    for (std::uint64_t g = 0; g < groups; ++g) {
      const std::size_t item = item_size(layout_.dtype);
      const auto at = overflowing_value(
          layout_, {encoded.weights + g * layout_.weight_bytes(), encoded.scales + g * item, encoded.biases + g * item});
      if (!at) continue;
      throw Error(
          ErrorKind::impossible,
          fmt::format("{}: the codes at {} decode to infinity: code times scale is beyond {}", options_.label,
                      describe_position(shape_, (first_group + g) * static_cast<std::uint64_t>(layout_.group_size) + *at),
                      name(layout_.dtype)),
          layout_.dtype == Dtype::F32
              ? "this layer was damaged when it was quantized: make it anew"
              : Remedy(Remedy::Action::dequantize, {{"dtype", "f32"}}) + " computes with the range of float32");
    }
  }

  Quantized q_;
  GroupLayout layout_;
  Dtype out_;
  Shape shape_;
  DequantizeOptions options_;
};

/// Shape of the decoded tensor; throws when the three do not belong together (KV422, KV423).
Shape decoded_shape(const Quantized& q, int bits, int group_size) {
  const auto refuse = [](const std::string& why) {
    throw Error(ErrorKind::impossible, "cannot dequantize: " + why, "bits or group size may be wrong in the file's metadata");
  };
  const Shape& weights = q.weights.shape();
  const Shape& scales = q.scales.shape();
  if (q.weights.dtype() != Dtype::U32) refuse(fmt::format("weights are {}, not U32", name(q.weights.dtype())));
  if (!is_float(q.scales.dtype()) || q.biases.dtype() != q.scales.dtype()) {
    refuse(fmt::format("scales are {} and biases {}", name(q.scales.dtype()), name(q.biases.dtype())));
  }
  if (q.biases.shape() != scales) {
    refuse(fmt::format("scales are {} and biases {}", to_string(scales), to_string(q.biases.shape())));
  }
  if (scales.empty() || weights.size() != scales.size() || !std::equal(scales.begin(), scales.end() - 1, weights.begin())) {
    refuse(fmt::format("weights are {} and scales {}", to_string(weights), to_string(scales)));
  }
  // Dimensions are below 2^31, so nothing here comes near 2^63.
  const std::int64_t head_dim = scales.back() * group_size;
  if (weights.back() * 32 != head_dim * bits || head_dim > max_dim) {
    refuse(fmt::format("weights {} hold {} {}-bit codes per row, but scales {} stand for {} in groups of {}",
                       to_string(weights), weights.back() * 32 / bits, bits, to_string(scales), head_dim, group_size));
  }
  Shape shape = scales;
  shape.back() = head_dim;
  return shape;
}

}  // namespace

Tensor dequantize(const Quantized& q, int bits, int group_size, Dtype out, DequantizeOptions options) {
  if (options.label.empty()) options.label = "dequantized values";
  if (!is_supported_bits(bits) || !is_supported_group_size(group_size)) {
    throw Error(ErrorKind::usage, fmt::format("cannot dequantize {} bits in groups of {}", bits, group_size),
                "bits are 2, 3, 4, 5, 6 or 8, groups 32, 64 or 128");
  }
  if (!is_float(out)) {
    throw Error(ErrorKind::usage, fmt::format("cannot dequantize to {}", name(out)), "use F16, BF16 or F32");
  }
  Shape shape = decoded_shape(q, bits, group_size);
  const Dtype dtype = q.scales.dtype();
  const Dtype computed_in = out == Dtype::F32 ? out : dtype;
  if (q.scales.elements() == 0) return Tensor::zeros(out, std::move(shape));
  const CastOptions casting{.label = options.label, .allow_overflow = false, .stats = nullptr};
  const auto computation =
      std::make_shared<Dequantization>(q, GroupLayout{dtype, bits, group_size}, computed_in, shape, std::move(options));
  return cast(Tensor::computed(computation, 0, computed_in, std::move(shape)), out, casting);
}

}  // namespace kvcache
