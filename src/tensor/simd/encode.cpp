// Affine quantization, as quantize_scalar.cpp does it, a batch of groups at a time so that the arithmetic of their scales fills
// whole vectors too: find each group's extremes, fit the scales, code the values, pack the codes.
#include "tensor/simd/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/encode.cpp"
#include <hwy/foreach_target.h>
//
#include <algorithm>
#include <cstring>

#include <hwy/highway.h>
#include "tensor/overflow.h"
#include "tensor/quantize_scalar.h"
#include "tensor/simd/bitstream-inl.h"
#include "tensor/simd/float_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
bool EncodeGroups(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out) {
  return scalar::encode(layout, values, groups, out);
}
#else

inline constexpr std::size_t batch_groups = 32;  // a multiple of the lanes of every vector used for scales

template <class Lanes>
struct Batch {
  alignas(64) typename Lanes::Bits max[batch_groups];
  alignas(64) typename Lanes::Bits min[batch_groups];
  alignas(64) float scale[batch_groups];
  alignas(64) float bias[batch_groups];
  alignas(64) std::uint8_t codes[batch_groups * max_group_size + bitstream_slack];
  alignas(64) std::uint8_t packed[batch_groups * max_group_size + bitstream_slack];
};

/// Floats as integers of the same order; its own inverse. NaN and infinity end up beyond all finite values.
template <class D>
HWY_INLINE hn::Vec<D> ordered(D d, hn::Vec<D> bits) {
  using T = hn::TFromD<D>;
  return hn::Xor(bits, hn::And(hn::ShiftRight<8 * sizeof(T) - 1>(bits), hn::Set(d, hwy::LimitsMax<T>())));
}

struct Larger {
  template <class V>
  static HWY_INLINE V of(V a, V b) {
    return hn::Max(a, b);
  }
};
struct Smaller {
  template <class V>
  static HWY_INLINE V of(V a, V b) {
    return hn::Min(a, b);
  }
};

/// From n vectors, one where lane j of each block is the extreme of that block of vector bit_reverse(j).
template <class Extreme, std::size_t n, class D>
HWY_INLINE hn::Vec<D> merge(D d, const hn::Vec<D>* vectors) {
  if constexpr (n == 1) {
    return vectors[0];
  } else {
    const auto a = merge<Extreme, n / 2>(d, vectors);
    const auto b = merge<Extreme, n / 2>(d, vectors + n / 2);
    return Extreme::of(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  }
}

/// The extreme of each vector: merged blocks of 16 bytes reduced to one.
template <class Extreme, std::size_t n, class D, class Block = hn::CappedTag<hn::TFromD<D>, n> >
HWY_INLINE hn::Vec<Block> extremes(D d, const hn::Vec<D>* vectors) {
  const Block block;
  alignas(64) hn::TFromD<D> merged[hn::MaxLanes(d)];
  hn::Store(merge<Extreme, n>(d, vectors), d, merged);
  auto result = hn::Load(block, merged);
  for (std::size_t i = n; i < hn::Lanes(d); i += n) result = Extreme::of(result, hn::Load(block, merged + i));
  return result;
}

/// Extremes of a batch, as bits of its type. False when one is not finite.
template <class Lanes>
bool find_extremes(const std::byte* values, std::size_t group_size, std::size_t groups, Batch<Lanes>& batch) {
  using T = typename Lanes::Bits;
  const hn::ScalableTag<T> d;
  constexpr std::size_t per_block = 16 / sizeof(T);
  const hn::CappedTag<T, per_block> block;
  constexpr std::size_t reversed[2][8] = {{0, 2, 1, 3}, {0, 4, 2, 6, 1, 5, 3, 7}};
  auto highest = hn::Set(block, hwy::LimitsMin<T>());
  auto lowest = hn::Set(block, hwy::LimitsMax<T>());
  for (std::size_t first = 0; first < groups; first += per_block) {
    hn::Vec<decltype(d)> max[per_block];
    hn::Vec<decltype(d)> min[per_block];
    for (std::size_t i = 0; i < per_block; ++i) {
      // Past the last group its values are looked at again; the surplus results are never used.
      const std::size_t group = std::min(first + reversed[per_block / 8][i], groups - 1);
      const T* p = reinterpret_cast<const T*>(values + group * group_size * sizeof(T));
      auto larger = ordered(d, hn::LoadU(d, p));
      auto smaller = larger;
      for (std::size_t k = hn::Lanes(d); k < group_size; k += hn::Lanes(d)) {
        const auto v = ordered(d, hn::LoadU(d, p + k));
        larger = hn::Max(larger, v);
        smaller = hn::Min(smaller, v);
      }
      max[i] = larger;
      min[i] = smaller;
    }
    const auto block_max = extremes<Larger, per_block>(d, max);
    const auto block_min = extremes<Smaller, per_block>(d, min);
    highest = hn::Max(highest, block_max);
    lowest = hn::Min(lowest, block_min);
    hn::Store(ordered(block, block_max), block, batch.max + first);
    hn::Store(ordered(block, block_min), block, batch.min + first);
  }
  const auto infinity = hn::Set(block, static_cast<T>(Lanes::infinity));
  const auto finite = hn::And(hn::Lt(highest, infinity), hn::Gt(lowest, hn::Not(infinity)));
  return hn::AllTrue(block, finite);
}

/// False when the magnitude of a scale is above `safe_scale`, as an infinite one is.
template <class Lanes>
bool fit_scales(float levels, typename Lanes::Bits safe_scale, std::size_t groups, Batch<Lanes>& batch, std::byte* scales,
                std::byte* biases) {
  const hn::ScalableTag<float> d;
  constexpr std::size_t item = sizeof(typename Lanes::Bits);
  alignas(64) std::byte rounded_scale[batch_groups * item];
  alignas(64) std::byte rounded_bias[batch_groups * item];
  for (std::size_t i = 0; i < groups; i += hn::Lanes(d)) {
    const auto max = Lanes::load(d, reinterpret_cast<const std::byte*>(batch.max + i));
    const auto min = Lanes::load(d, reinterpret_cast<const std::byte*>(batch.min + i));
    const auto step = hn::Max(hn::Div(hn::Sub(max, min), hn::Set(d, levels)), hn::Set(d, 1e-7F));
    const auto from_min = hn::Gt(hn::Abs(min), hn::Abs(max));
    const auto edge = hn::IfThenElse(from_min, min, max);
    const auto signed_step = hn::IfThenElse(from_min, step, hn::Neg(step));
    const auto steps = hn::Round(hn::Div(edge, signed_step));
    const auto at_zero = hn::Eq(steps, hn::Zero(d));
    const auto scale = hn::IfThenElse(at_zero, signed_step, hn::Div(edge, steps));
    const auto bias = hn::IfThenZeroElse(at_zero, edge);
    hn::Store(scale, d, batch.scale + i);
    hn::Store(bias, d, batch.bias + i);
    Lanes::store(d, scale, rounded_scale + i * item);
    Lanes::store(d, bias, rounded_bias + i * item);
  }
  std::memcpy(scales, rounded_scale, groups * item);
  std::memcpy(biases, rounded_bias, groups * item);
  using T = typename Lanes::Bits;
  bool safe = true;
  for (std::size_t i = 0; i < groups; ++i) {
    T bits = 0;
    std::memcpy(&bits, rounded_scale + i * item, item);
    safe = safe && (bits & hwy::LimitsMax<T>()) <= safe_scale;
  }
  return safe;
}

/// One byte per code.
template <class Lanes>
void code_values(const std::byte* values, float levels, std::size_t group_size, std::size_t groups, const Batch<Lanes>& batch,
                 std::uint8_t* codes) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> d32;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  constexpr std::size_t item = sizeof(typename Lanes::Bits);
  const auto zero = hn::Zero(d);
  const auto top = hn::Set(d, levels);
  // Floats around 2^23 are integers: the addition rounds half to even and leaves the code in the lowest byte. NaN leaves 0.
  const auto rounder = hn::Set(d, 0x1.8p23F);
  for (std::size_t group = 0; group < groups; ++group) {
    const auto scale = hn::Set(d, batch.scale[group]);
    const auto bias = hn::Set(d, batch.bias[group]);
    for (std::size_t k = 0; k < group_size; k += hn::Lanes(d)) {
      const auto position = hn::Div(hn::Sub(Lanes::load(d, values), bias), scale);
      const auto rounded = hn::Add(hn::Min(hn::Max(position, zero), top), rounder);
      hn::StoreU(hn::TruncateTo(d8, hn::BitCast(d32, rounded)), d8, codes);
      values += hn::Lanes(d) * item;
      codes += hn::Lanes(d);
    }
  }
}

void pack_codes(int bits, const std::uint8_t* codes, std::size_t count, std::uint8_t* out) {
  switch (bits) {
    case 2:
      return pack<2>(codes, count, out);
    case 3:
      return pack<3>(codes, count, out);
    case 4:
      return pack<4>(codes, count, out);
    case 5:
      return pack<5>(codes, count, out);
    default:
      return pack<6>(codes, count, out);
  }
}

template <class Lanes>
bool encode_as(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out) {
  const std::size_t group_size = static_cast<std::size_t>(layout.group_size);
  const float levels = static_cast<float>((1 << layout.bits) - 1);
  const auto safe_scale = static_cast<typename Lanes::Bits>(largest_safe_scale(layout.dtype, layout.bits));
  bool sound = true;
  Batch<Lanes> batch;
  while (groups > 0) {
    const std::size_t count = std::min(groups, batch_groups);
    const std::size_t bytes = count * layout.weight_bytes();
    sound = find_extremes(values, group_size, count, batch) && sound;
    sound = fit_scales(levels, safe_scale, count, batch, out.scales, out.biases) && sound;
    if (layout.bits == 8) {
      code_values(values, levels, group_size, count, batch, reinterpret_cast<std::uint8_t*>(out.weights));
    } else {
      code_values(values, levels, group_size, count, batch, batch.codes);
      pack_codes(layout.bits, batch.codes, count * group_size, batch.packed);
      std::memcpy(out.weights, batch.packed, bytes);
    }
    groups -= count;
    values += count * layout.value_bytes();
    out.weights += bytes;
    out.scales += count * item_size(layout.dtype);
    out.biases += count * item_size(layout.dtype);
  }
  return sound;
}

bool EncodeGroups(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out) {
  if (layout.dtype == Dtype::F16) return encode_as<F16Lanes>(layout, values, groups, out);
  if (layout.dtype == Dtype::BF16) return encode_as<Bf16Lanes>(layout, values, groups, out);
  return encode_as<F32Lanes>(layout, values, groups, out);
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(EncodeGroups);

bool encode(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out) {
  return HWY_DYNAMIC_DISPATCH(EncodeGroups)(layout, values, groups, out);
}

}  // namespace kvcache::simd
#endif
