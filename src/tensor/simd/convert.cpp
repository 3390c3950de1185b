// Casts between float types, always by way of float32.
#include "tensor/simd/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/convert.cpp"
#include <hwy/foreach_target.h>
//
#include <cstring>

#include <hwy/highway.h>
#include "tensor/quantize_scalar.h"
#include "tensor/simd/float_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
std::uint64_t ConvertValues(Dtype from, Dtype to, const std::byte* in, std::size_t count, std::byte* out) {
  return scalar::convert(from, to, in, count, out);
}
#else

/// Converts one vector; how many of its lanes overflowed.
template <class From, class To, class D>
HWY_INLINE std::size_t convert_vector(D d, const std::byte* in, std::byte* out) {
  const auto value = From::load(d, in);
  To::store(d, value, out);
  const auto overflowed = hn::And(hn::IsFinite(value), hn::IsInf(To::round(d, value)));
  return hn::CountTrue(d, overflowed);
}

template <class From, class To>
std::uint64_t convert_as(const std::byte* in, std::size_t count, std::byte* out) {
  const hn::ScalableTag<float> d;
  constexpr std::size_t from_item = sizeof(typename From::Bits);
  constexpr std::size_t to_item = sizeof(typename To::Bits);
  std::uint64_t overflows = 0;
  for (; count >= hn::Lanes(d); count -= hn::Lanes(d)) {
    overflows += convert_vector<From, To>(d, in, out);
    in += hn::Lanes(d) * from_item;
    out += hn::Lanes(d) * to_item;
  }
  if (count == 0) return overflows;  // memcpy may not be given the pointers of empty arrays
  alignas(64) std::byte last_in[hn::MaxLanes(d) * from_item] = {};
  alignas(64) std::byte last_out[hn::MaxLanes(d) * to_item];
  std::memcpy(last_in, in, count * from_item);
  overflows += convert_vector<From, To>(d, last_in, last_out);
  std::memcpy(out, last_out, count * to_item);
  return overflows;
}

template <class From>
std::uint64_t convert_from(Dtype to, const std::byte* in, std::size_t count, std::byte* out) {
  if (to == Dtype::F16) return convert_as<From, F16Lanes>(in, count, out);
  if (to == Dtype::BF16) return convert_as<From, Bf16Lanes>(in, count, out);
  return convert_as<From, F32Lanes>(in, count, out);
}

std::uint64_t ConvertValues(Dtype from, Dtype to, const std::byte* in, std::size_t count, std::byte* out) {
  if (from == Dtype::F16) return convert_from<F16Lanes>(to, in, count, out);
  if (from == Dtype::BF16) return convert_from<Bf16Lanes>(to, in, count, out);
  return convert_from<F32Lanes>(to, in, count, out);
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(ConvertValues);

std::uint64_t convert(Dtype from, Dtype to, const std::byte* in, std::size_t count, std::byte* out) {
  return HWY_DYNAMIC_DISPATCH(ConvertValues)(from, to, in, count, out);
}

}  // namespace kvcache::simd
#endif
