// How far two arrays are from each other, summed in double.
#include "tensor/simd/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/compare.cpp"
#include <hwy/foreach_target.h>
//
#include <algorithm>
#include <cmath>

#include <hwy/highway.h>
#include "tensor/quantize_scalar.h"
#include "tensor/simd/float_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void compare_last(Dtype dtype, const std::byte* signal, const std::byte* decoded, std::size_t count, Difference& total) {
  for (std::size_t i = 0; i < count; ++i) {
    const double x = scalar::load(dtype, signal + i * item_size(dtype));
    const double error = std::fabs(x - scalar::load(dtype, decoded + i * item_size(dtype)));
    total.max_abs = std::max(total.max_abs, error);
    total.sum_sq_error += error * error;
    total.sum_sq_signal += x * x;
  }
}

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
Difference CompareValues(Dtype dtype, const std::byte* signal, const std::byte* decoded, std::size_t count) {
  Difference total;
  compare_last(dtype, signal, decoded, count, total);
  return total;
}
#else

template <class Lanes>
Difference compare_as(Dtype dtype, const std::byte* signal, const std::byte* decoded, std::size_t count) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t step = hn::Lanes(d) * sizeof(typename Lanes::Bits);
  auto max = hn::Zero(d);
  auto sum_error = hn::Zero(d);
  auto sum_signal = hn::Zero(d);
  for (; count >= hn::Lanes(d); count -= hn::Lanes(d)) {
    const auto x = hn::PromoteTo(d, Lanes::load(df, signal));
    const auto error = hn::Abs(hn::Sub(x, hn::PromoteTo(d, Lanes::load(df, decoded))));
    max = hn::Max(max, error);
    sum_error = hn::MulAdd(error, error, sum_error);
    sum_signal = hn::MulAdd(x, x, sum_signal);
    signal += step;
    decoded += step;
  }
  Difference total{hn::GetLane(hn::MaxOfLanes(d, max)), hn::GetLane(hn::SumOfLanes(d, sum_error)),
                   hn::GetLane(hn::SumOfLanes(d, sum_signal))};
  compare_last(dtype, signal, decoded, count, total);
  return total;
}

Difference CompareValues(Dtype dtype, const std::byte* signal, const std::byte* decoded, std::size_t count) {
  if (dtype == Dtype::F16) return compare_as<F16Lanes>(dtype, signal, decoded, count);
  if (dtype == Dtype::BF16) return compare_as<Bf16Lanes>(dtype, signal, decoded, count);
  return compare_as<F32Lanes>(dtype, signal, decoded, count);
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(CompareValues);

Difference compare(Dtype dtype, const std::byte* signal, const std::byte* decoded, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(CompareValues)(dtype, signal, decoded, count);
}

}  // namespace kvcache::simd
#endif
