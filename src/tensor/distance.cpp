#include "tensor/distance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tensor/quantize_scalar.h"
#include "tensor/value_stats.h"

namespace kvcache::scalar {
namespace {

double distance(float a, float b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::fabs(static_cast<double>(a) - static_cast<double>(b));
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

}  // namespace

Distances distances(Dtype dtype, const std::byte* a, const std::byte* b, std::size_t count, double tolerance) {
  const std::size_t item = item_size(dtype);
  Distances out;
  std::array<double, sum_lanes> lanes{};
  for (std::size_t i = 0; i < count; ++i) {
    const double d = distance(load(dtype, a + i * item), load(dtype, b + i * item));
    lanes[i % sum_lanes] += d * d;
    out.max_abs = std::max(out.max_abs, d);
    if (d > tolerance) ++out.differing;
  }
  out.sum_sq = sum_of_lanes(lanes);
  return out;
}

}  // namespace kvcache::scalar
