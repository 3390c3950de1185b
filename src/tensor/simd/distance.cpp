// How far values of two arrays are from each other, in double. The sums are those of scalar::distances to the last bit: lanes
// do not depend on the width of vectors, and no product is fused with a sum, as the square of a difference is not exact.
#include "tensor/simd/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/distance.cpp"
#include <hwy/foreach_target.h>
//
#include <algorithm>
#include <array>
#include <cmath>

#include <hwy/highway.h>
#include "tensor/quantize_scalar.h"
#include "tensor/simd/float_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
bool FindDistances(Dtype dtype, const std::byte* a, const std::byte* b, std::size_t count, double tolerance, Distances& out) {
  out = scalar::distances(dtype, a, b, count, tolerance);
  return std::isfinite(out.sum_sq);
}
#else

template <class Lanes>
bool distances_as(const std::byte* a, const std::byte* b, std::size_t count, double tolerance, Distances& out) {
  const hn::CappedTag<double, sum_lanes> d;
  const hn::Rebind<float, decltype(d)> df;
  constexpr std::size_t item = sizeof(typename Lanes::Bits);
  constexpr std::size_t lanes = hn::MaxLanes(d);
  constexpr std::size_t vectors = sum_lanes / lanes;
  const std::size_t whole = count / sum_lanes * sum_lanes;
  const auto limit = hn::Set(d, tolerance);
  auto max = hn::Zero(d);
  hn::Vec<decltype(d)> sum[vectors];
  for (auto& one : sum) one = hn::Zero(d);
  std::size_t differing = 0;
  for (std::size_t at = 0; at < whole; at += sum_lanes) {
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t from = (at + v * lanes) * item;
      const auto x = hn::PromoteTo(d, Lanes::load(df, a + from));
      const auto y = hn::PromoteTo(d, Lanes::load(df, b + from));
      const auto distance = hn::Abs(hn::Sub(x, y));
      max = hn::Max(max, distance);
      sum[v] = hn::Add(sum[v], hn::Mul(distance, distance));
      differing += hn::CountTrue(d, hn::Gt(distance, limit));
    }
  }
  std::array<double, sum_lanes> sums{};
  for (std::size_t v = 0; v < vectors; ++v) hn::StoreU(sum[v], d, sums.data() + v * lanes);
  out.max_abs = hn::GetLane(hn::MaxOfLanes(d, max));
  for (std::size_t i = whole; i < count; ++i) {
    const double x = scalar::load(Lanes::dtype, a + i * item);
    const double distance = std::fabs(x - scalar::load(Lanes::dtype, b + i * item));
    sums[i - whole] += distance * distance;
    out.max_abs = std::max(out.max_abs, distance);
    if (distance > tolerance) ++differing;
  }
  out.differing = differing;
  out.sum_sq = sum_of_lanes(sums);
  // Squares of differences of floats cannot overflow a double: some value was not finite.
  return std::isfinite(out.sum_sq);
}

bool FindDistances(Dtype dtype, const std::byte* a, const std::byte* b, std::size_t count, double tolerance, Distances& out) {
  if (dtype == Dtype::F16) return distances_as<F16Lanes>(a, b, count, tolerance, out);
  if (dtype == Dtype::BF16) return distances_as<Bf16Lanes>(a, b, count, tolerance, out);
  return distances_as<F32Lanes>(a, b, count, tolerance, out);
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(FindDistances);

Distances distances(Dtype dtype, const std::byte* a, const std::byte* b, std::size_t count, double tolerance) {
  Distances out;
  if (HWY_DYNAMIC_DISPATCH(FindDistances)(dtype, a, b, count, tolerance, out)) return out;
  return scalar::distances(dtype, a, b, count, tolerance);
}

}  // namespace kvcache::simd
#endif
