#include "tensor/value_stats.h"

#include <algorithm>
#include <cmath>

#include "tensor/quantize_scalar.h"

namespace kvcache {

void ValueSums::add(const ValueSums& other) {
  finite += other.finite;
  zeros += other.zeros;
  nan += other.nan;
  infinite += other.infinite;
  sum += other.sum;
  sum_sq += other.sum_sq;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  for (std::size_t i = 0; i < histogram.size(); ++i) histogram[i] += other.histogram[i];
}

namespace scalar {
namespace {

std::size_t bin_of(float value, const ValueRange& range) {
  const float place = (value - range.low) * range.scale + 1.0F;
  return static_cast<std::size_t>(std::min(std::max(place, 0.0F), static_cast<float>(ValueSums::bins + 1)));
}

/// One piece of whole rows, columns [begin, end) of each.
class Piece {
 public:
  Piece(Dtype dtype, const std::byte* values, std::size_t width, const ValueRange& range, float* channels, ValueSums& sums)
      : dtype_(dtype), values_(values), width_(width), range_(range), channels_(channels), sums_(sums) {}

  void columns(std::size_t rows, std::size_t begin, std::size_t end) {
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t column = begin; column < end; ++column) add(row * width_ + column, column);
  }
  void finish() {
    sums_.sum += sum_of_lanes(sum_);
    sums_.sum_sq += sum_of_lanes(sum_sq_);
  }

 private:
  void add(std::size_t element, std::size_t column) {
    const float value = load(dtype_, values_ + element * item_size(dtype_));
    if (!std::isfinite(value)) {
      ++(std::isnan(value) ? sums_.nan : sums_.infinite);
      return;
    }
    ++sums_.finite;
    if (value == 0) ++sums_.zeros;
    sums_.min = std::min(sums_.min, value);
    sums_.max = std::max(sums_.max, value);
    ++sums_.histogram[bin_of(value, range_)];
    if (channels_ != nullptr) channels_[column] += std::fabs(value);
    const double shifted = value - range_.shift;
    sum_[column % sum_lanes] += shifted;
    sum_sq_[column % sum_lanes] += shifted * shifted;
  }

  Dtype dtype_;
  const std::byte* values_;
  std::size_t width_;
  const ValueRange& range_;
  float* channels_;
  ValueSums& sums_;
  std::array<double, sum_lanes> sum_{}, sum_sq_{};
};

}  // namespace

void add_values(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, const ValueRange& range,
                float* channels, ValueSums& sums) {
  each_piece(rows, width, [&](std::size_t first, std::size_t piece_rows, std::size_t piece_width) {
    float* const of_piece = channels == nullptr ? nullptr : channels + first % width;
    Piece piece(dtype, values + first * item_size(dtype), piece_width, range, of_piece, sums);
    // Whole groups of lanes first, then what is left of each row: the order of the vector kernel.
    const std::size_t whole = piece_width / sum_lanes * sum_lanes;
    piece.columns(piece_rows, 0, whole);
    piece.columns(piece_rows, whole, piece_width);
    piece.finish();
  });
}

void row_squares(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, double* out) {
  for (std::size_t row = 0; row < rows; ++row) {
    std::array<double, sum_lanes> lanes{};
    for (std::size_t column = 0; column < width; ++column) {
      const double value = load(dtype, values + (row * width + column) * item_size(dtype));
      if (std::isfinite(value)) lanes[column % sum_lanes] += value * value;
    }
    out[row] = sum_of_lanes(lanes);
  }
}

}  // namespace scalar
}  // namespace kvcache
