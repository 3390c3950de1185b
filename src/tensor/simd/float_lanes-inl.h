// Vectors of float read from and written to F16, BF16 and F32, rounding to nearest even. Included once per instruction set.
#include <hwy/highway.h>

#if defined(KVCACHE_FLOAT_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef KVCACHE_FLOAT_LANES_INL_H
#undef KVCACHE_FLOAT_LANES_INL_H
#else
#define KVCACHE_FLOAT_LANES_INL_H
#endif

#include <cstddef>
#include <cstdint>

#include "kvcache/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct F32Lanes {
  using Bits = std::int32_t;  ///< signed integer of the element's size
  static constexpr Dtype dtype = Dtype::F32;
  static constexpr std::uint32_t infinity = 0x7F800000U;

  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const std::byte* p) {
    return hn::LoadU(d, reinterpret_cast<const float*>(p));
  }
  template <class D>
  static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* p) {
    hn::StoreU(v, d, reinterpret_cast<float*>(p));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> round(D /*d*/, hn::Vec<D> v) {
    return v;
  }
};

struct Bf16Lanes {
  using Bits = std::int16_t;
  static constexpr Dtype dtype = Dtype::BF16;
  static constexpr std::uint32_t infinity = 0x7F80U;

  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const std::byte* p) {
    const hn::Rebind<std::uint16_t, D> d16;
    const hn::RebindToUnsigned<D> d32;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(p)))));
  }
  template <class D>
  static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* p) {
    const hn::Rebind<std::uint16_t, D> d16;
    hn::StoreU(hn::TruncateTo(d16, hn::ShiftRight<16>(rounded_bits(d, v))), d16, reinterpret_cast<std::uint16_t*>(p));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> round(D d, hn::Vec<D> v) {
    const hn::RebindToUnsigned<D> d32;
    return hn::BitCast(d, hn::And(rounded_bits(d, v), hn::Set(d32, 0xFFFF0000U)));
  }

 private:
  /// The result in the upper half of each lane; what is below it is undefined.
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> rounded_bits(D /*d*/, hn::Vec<D> v) {
    const hn::RebindToUnsigned<D> d32;
    const auto bits = hn::BitCast(d32, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1U));
    const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7FFFU)));
    const auto quiet = hn::Or(bits, hn::Set(d32, 0x00400000U));
    return hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(v)), quiet, rounded);
  }
};

struct F16Lanes {
  using Bits = std::int16_t;
  static constexpr Dtype dtype = Dtype::F16;
  static constexpr std::uint32_t infinity = 0x7C00U;

  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const std::byte* p) {
#if HWY_TARGET == HWY_SSE4
    const hn::Rebind<std::uint16_t, D> d16;
    const hn::RebindToUnsigned<D> d32;
    return widen(d, hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(p))));
#else
    const hn::Rebind<hwy::float16_t, D> d16;
    return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(p)));
#endif
  }
  template <class D>
  static HWY_INLINE void store([[maybe_unused]] D d, hn::Vec<D> v, std::byte* p) {
#if HWY_TARGET == HWY_SSE4
    const hn::Rebind<std::uint16_t, D> d16;
    hn::StoreU(hn::TruncateTo(d16, narrow(d, v)), d16, reinterpret_cast<std::uint16_t*>(p));
#else
    const hn::Rebind<hwy::float16_t, D> d16;
    hn::StoreU(hn::DemoteTo(d16, v), d16, reinterpret_cast<hwy::float16_t*>(p));
#endif
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> round(D d, hn::Vec<D> v) {
#if HWY_TARGET == HWY_SSE4
    return widen(d, narrow(d, v));
#else
    const hn::Rebind<hwy::float16_t, D> d16;
    return hn::PromoteTo(d, hn::DemoteTo(d16, v));
#endif
  }

#if HWY_TARGET == HWY_SSE4
 private:
  // Before F16C there are no instructions for this, and Highway's stand-ins truncate. The steps are those of f16_to_f32() and
  // f32_to_f16() in float_conversion.cpp.
  template <class D, class V32 = hn::Vec<hn::RebindToUnsigned<D>>>
  static HWY_INLINE hn::Vec<D> widen(D d, V32 half) {
    const hn::RebindToUnsigned<D> d32;
    const hn::RebindToSigned<D> di;  // there is no unsigned comparison to use; all values compared are positive
    const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(d32, 0x8000U)));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(half, hn::Set(d32, 0x7FFFU)));
    const auto value = hn::BitCast(d32, hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112F)));
    const auto special = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, (0x7C00 << 13) - 1));
    const auto nan = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, 0x7C00 << 13));
    const auto extra =
        hn::Or(hn::IfThenElseZero(special, hn::Set(di, 0x7F800000)), hn::IfThenElseZero(nan, hn::Set(di, 0x00400000)));
    return hn::BitCast(d, hn::Or(hn::Or(sign, value), hn::BitCast(d32, extra)));
  }
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> narrow(D d, hn::Vec<D> v) {
    const hn::RebindToUnsigned<D> d32;
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(d32, v);
    const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 0x8000U));
    const auto magnitude = hn::And(bits, hn::Set(d32, 0x7FFFFFFFU));
    const auto compared = hn::BitCast(di, magnitude);
    const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(d32, 1U));
    const auto normal = hn::ShiftRight<13>(hn::Add(hn::Sub(magnitude, hn::Set(d32, (112U << 23U) - 0xFFFU)), odd));
    const auto subnormal =
        hn::Sub(hn::BitCast(d32, hn::Add(hn::BitCast(d, magnitude), hn::Set(d, 0.5F))), hn::Set(d32, 0x3F000000U));
    const auto nan = hn::Or(hn::Set(d32, 0x7E00U), hn::And(hn::ShiftRight<13>(magnitude), hn::Set(d32, 0x3FFU)));
    auto result = hn::IfThenElse(hn::RebindMask(d32, hn::Lt(compared, hn::Set(di, 0x38800000))), subnormal, normal);
    result = hn::IfThenElse(hn::RebindMask(d32, hn::Gt(compared, hn::Set(di, 0x477FEFFF))), hn::Set(d32, 0x7C00U), result);
    result = hn::IfThenElse(hn::RebindMask(d32, hn::Gt(compared, hn::Set(di, 0x7F800000))), nan, result);
    return hn::Or(sign, result);
  }
#endif
};

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KVCACHE_FLOAT_LANES_INL_H
