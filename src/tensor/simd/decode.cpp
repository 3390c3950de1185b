// Dequantization: code times scale plus bias, with the roundings of quantize_scalar.cpp.
#include "tensor/simd/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/decode.cpp"
#include <hwy/foreach_target.h>
//
#include <algorithm>
#include <cstring>

#include <hwy/highway.h>
#include "tensor/quantize_scalar.h"
#include "tensor/simd/bitstream-inl.h"
#include "tensor/simd/float_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
void DecodeGroups(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, Dtype out_dtype, std::byte* out) {
  scalar::decode(layout, in, groups, out_dtype, out);
}
#else

inline constexpr std::size_t batch_groups = 32;

void unpack_codes(int bits, const std::uint8_t* packed, std::size_t count, std::uint8_t* codes) {
  switch (bits) {
    case 2:
      return unpack<2>(packed, count, codes);
    case 3:
      return unpack<3>(packed, count, codes);
    case 4:
      return unpack<4>(packed, count, codes);
    case 5:
      return unpack<5>(packed, count, codes);
    default:
      return unpack<6>(packed, count, codes);
  }
}

/// `count` values of the dtype of `Lanes` as floats. The buffer behind `out` has room for whole vectors.
template <class Lanes>
void load_floats(const std::byte* in, std::size_t count, float* out) {
  const hn::ScalableTag<float> d;
  alignas(64) std::byte padded[batch_groups * sizeof(float)] = {};
  std::memcpy(padded, in, count * sizeof(typename Lanes::Bits));
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::Store(Lanes::load(d, padded + i * sizeof(typename Lanes::Bits)), d, out + i);
  }
}

template <class Lanes, class OutLanes>
void decode_as(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, std::byte* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> d32;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  alignas(64) float scales[batch_groups];
  alignas(64) float biases[batch_groups];
  alignas(64) std::uint8_t packed[batch_groups * max_group_size + bitstream_slack];
  alignas(64) std::uint8_t unpacked[batch_groups * max_group_size + bitstream_slack];
  const std::size_t group_size = static_cast<std::size_t>(layout.group_size);
  while (groups > 0) {
    const std::size_t count = std::min(groups, batch_groups);
    const std::size_t bytes = count * layout.weight_bytes();
    load_floats<Lanes>(in.scales, count, scales);
    load_floats<Lanes>(in.biases, count, biases);
    const std::uint8_t* codes = reinterpret_cast<const std::uint8_t*>(in.weights);
    if (layout.bits != 8) {
      std::memcpy(packed, in.weights, bytes);
      unpack_codes(layout.bits, packed, count * group_size, unpacked);
      codes = unpacked;
    }
    for (std::size_t group = 0; group < count; ++group) {
      const auto scale = hn::Set(d, scales[group]);
      const auto bias = hn::Set(d, biases[group]);
      for (std::size_t k = 0; k < group_size; k += hn::Lanes(d)) {
        const auto code = hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, codes)));
        OutLanes::store(d, hn::Add(OutLanes::round(d, hn::Mul(code, scale)), bias), out);
        codes += hn::Lanes(d);
        out += hn::Lanes(d) * sizeof(typename OutLanes::Bits);
      }
    }
    groups -= count;
    in.weights += bytes;
    in.scales += count * sizeof(typename Lanes::Bits);
    in.biases += count * sizeof(typename Lanes::Bits);
  }
}

void DecodeGroups(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, Dtype out_dtype, std::byte* out) {
  const bool widen = out_dtype == Dtype::F32;
  switch (layout.dtype) {
    case Dtype::F16:
      return widen ? decode_as<F16Lanes, F32Lanes>(layout, in, groups, out)
                   : decode_as<F16Lanes, F16Lanes>(layout, in, groups, out);
    case Dtype::BF16:
      return widen ? decode_as<Bf16Lanes, F32Lanes>(layout, in, groups, out)
                   : decode_as<Bf16Lanes, Bf16Lanes>(layout, in, groups, out);
    default:
      return decode_as<F32Lanes, F32Lanes>(layout, in, groups, out);
  }
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(DecodeGroups);

void decode(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, Dtype out_dtype, std::byte* out) {
  HWY_DYNAMIC_DISPATCH(DecodeGroups)(layout, in, groups, out_dtype, out);
}

}  // namespace kvcache::simd
#endif
