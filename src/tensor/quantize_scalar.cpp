#include "tensor/quantize_scalar.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kvcache/quantize.h"
#include "tensor/overflow.h"

// No operation here may be fused with another (kv_tensor is compiled with -ffp-contract=off): the reference rounds each.
namespace kvcache::scalar {
namespace {

/// Scale and bias of a group, before they are rounded to the dtype of the tensor.
struct Affine {
  float scale;
  float bias;
};

Affine fit(const float* values, std::size_t count, float levels) {
  float max = -std::numeric_limits<float>::infinity();
  float min = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < count; ++i) {
    max = std::max(max, values[i]);
    min = std::min(min, values[i]);
  }
  float scale = std::max((max - min) / levels, 1e-7F);
  float edge = min;
  if (!(std::fabs(min) > std::fabs(max))) {
    scale = -scale;
    edge = max;
  }
  // The larger end of the range becomes a whole number of steps from zero, so that it and zero decode exactly.
  const float steps = std::rint(edge / scale);
  if (steps == 0.0F) return {scale, 0.0F};
  return {edge / steps, edge};
}

std::uint32_t code_of(float value, Affine affine, float levels) {
  const float position = std::rint((value - affine.bias) / affine.scale);
  // NaN (0/-0 in a constant group beyond 3e31, whose scale vanishes) becomes 0, as in the reference on x86.
  return position > 0.0F ? static_cast<std::uint32_t>(std::min(position, levels)) : 0U;
}

/// Appends codes of `bits` bits to a little-endian bitstream, the lowest bits first.
class BitWriter {
 public:
  BitWriter(std::byte* out, int bits) : out_(out), bits_(static_cast<unsigned>(bits)) {}
  void put(std::uint32_t code) {
    pending_ |= code << filled_;
    for (filled_ += bits_; filled_ >= 8; filled_ -= 8) {
      *out_++ = static_cast<std::byte>(pending_ & 0xFFU);
      pending_ >>= 8U;
    }
  }

 private:
  std::byte* out_;
  unsigned bits_;
  unsigned filled_ = 0;
  std::uint32_t pending_ = 0;
};

class BitReader {
 public:
  BitReader(const std::byte* in, int bits) : in_(in), bits_(static_cast<unsigned>(bits)) {}
  std::uint32_t get() {
    for (; filled_ < bits_; filled_ += 8) pending_ |= std::to_integer<std::uint32_t>(*in_++) << filled_;
    const std::uint32_t code = pending_ & ((1U << bits_) - 1U);
    pending_ >>= bits_;
    filled_ -= bits_;
    return code;
  }

 private:
  const std::byte* in_;
  unsigned bits_;
  unsigned filled_ = 0;
  std::uint32_t pending_ = 0;
};

/// As stored, without the sign.
std::uint32_t magnitude_bits(Dtype dtype, const std::byte* p) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, p, item_size(dtype));
  return bits & (dtype == Dtype::F32 ? 0x7FFFFFFFU : 0x7FFFU);
}

float round_to(Dtype dtype, float value) {
  if (dtype == Dtype::F16) return f16_to_f32(f32_to_f16(value));
  if (dtype == Dtype::BF16) return bf16_to_f32(f32_to_bf16(value));
  return value;
}

}  // namespace

float load(Dtype dtype, const std::byte* p) noexcept {
  if (dtype == Dtype::F32) {
    float value = 0;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, p, sizeof bits);
  return dtype == Dtype::F16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}

void store(Dtype dtype, float value, std::byte* p) noexcept {
  if (dtype == Dtype::F32) {
    std::memcpy(p, &value, sizeof value);
    return;
  }
  const std::uint16_t bits = dtype == Dtype::F16 ? f32_to_f16(value) : f32_to_bf16(value);
  std::memcpy(p, &bits, sizeof bits);
}

bool encode(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out) {
  const std::size_t item = item_size(layout.dtype);
  const std::size_t size = static_cast<std::size_t>(layout.group_size);
  const float levels = static_cast<float>((1 << layout.bits) - 1);
  const std::uint32_t safe_scale = largest_safe_scale(layout.dtype, layout.bits);
  std::array<float, max_group_size> x{};
  bool sound = true;
  for (std::size_t group = 0; group < groups; ++group) {
    for (std::size_t i = 0; i < size; ++i) {
      x[i] = load(layout.dtype, values + group * layout.value_bytes() + i * item);
      sound = sound && std::isfinite(x[i]);
    }
    const Affine affine = fit(x.data(), size, levels);
    store(layout.dtype, affine.scale, out.scales + group * item);
    sound = sound && magnitude_bits(layout.dtype, out.scales + group * item) <= safe_scale;
    store(layout.dtype, affine.bias, out.biases + group * item);
    BitWriter codes(out.weights + group * layout.weight_bytes(), layout.bits);
    for (std::size_t i = 0; i < size; ++i) codes.put(code_of(x[i], affine, levels));
  }
  return sound;
}

void decode(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, Dtype out_dtype, std::byte* out) {
  const std::size_t item = item_size(layout.dtype);
  const std::size_t out_item = item_size(out_dtype);
  for (std::size_t group = 0; group < groups; ++group) {
    const float scale = load(layout.dtype, in.scales + group * item);
    const float bias = load(layout.dtype, in.biases + group * item);
    BitReader codes(in.weights + group * layout.weight_bytes(), layout.bits);
    for (int i = 0; i < layout.group_size; ++i) {
      const float product = round_to(out_dtype, static_cast<float>(codes.get()) * scale);
      store(out_dtype, product + bias, out);
      out += out_item;
    }
  }
}

std::uint64_t convert(Dtype from, Dtype to, const std::byte* in, std::size_t count, std::byte* out) {
  std::uint64_t overflows = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float value = load(from, in + i * item_size(from));
    overflows += static_cast<std::uint64_t>(std::isfinite(value) && std::isinf(round_to(to, value)));
    store(to, value, out + i * item_size(to));
  }
  return overflows;
}

}  // namespace kvcache::scalar
