#include "analysis/stats_range.h"

#include <algorithm>
#include <cmath>

#include "tensor/quantize_scalar.h"
#include "tensor/scratch.h"

namespace kvcache::detail {
namespace {

constexpr std::uint64_t counted_stretches = 32;
constexpr std::uint64_t stretch_length = 512;

struct Moments {
  std::uint64_t count = 0;
  double sum = 0, sum_sq = 0;
};

void add_stretch(const Tensor& tensor, std::uint64_t first, std::uint64_t count, Moments& moments) {
  const std::size_t item = item_size(tensor.dtype());
  const Scratch bytes(count * item);
  tensor.read(first * item, bytes.first(count * item));
  for (std::uint64_t i = 0; i < count; ++i) {
    const double value = scalar::load(tensor.dtype(), bytes.data() + i * item);
    if (!std::isfinite(value)) continue;
    ++moments.count;
    moments.sum += value;
    moments.sum_sq += value * value;
  }
}

}  // namespace

ValueRange range_of(const CountedArray& array) {
  std::uint64_t elements = 0;
  for (const auto& piece : array.pieces) elements += piece.tensor.elements();
  Moments moments;
  auto piece = array.pieces.begin();
  std::uint64_t before = 0;  // elements of the pieces before it
  for (std::uint64_t i = 0; i < counted_stretches && elements != 0; ++i) {
    const std::uint64_t at = elements / counted_stretches * i;
    while (at >= before + piece->tensor.elements()) before += (piece++)->tensor.elements();
    add_stretch(piece->tensor, at - before, std::min(stretch_length, piece->tensor.elements() - (at - before)), moments);
    if (elements < counted_stretches) break;  // the first one had them all, or nearly
  }
  const double n = static_cast<double>(std::max<std::uint64_t>(moments.count, 1));
  const double mean = moments.sum / n;
  const double deviation = std::sqrt(std::max(moments.sum_sq / n - mean * mean, 0.0));
  // Of equal values the histogram shows where they are; and no range may leave the floats.
  double half = deviation > 0 ? 4 * deviation : std::fabs(mean);
  half = half > 0 ? std::clamp(half, 1e-30, 1e38) : 1.0;
  ValueRange range;
  range.low = static_cast<float>(std::clamp(mean - half, -3e38, 3e38));
  range.scale = static_cast<float>(static_cast<double>(ValueSums::bins) / (2 * half));
  if (std::fabs(mean) > 4 * deviation) range.shift = static_cast<float>(mean);
  return range;
}

}  // namespace kvcache::detail
