// The vector kernel of statistics against its scalar twin, and the twin against sums in long double.
#include "tensor/value_stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "every_target.h"
#include "tensor/quantize_scalar.h"
#include "tensor/simd/kernels.h"

namespace kvcache {
namespace {

using Bytes = std::vector<std::byte>;

Bytes values_of(Dtype dtype, std::size_t count, float mean, float deviation, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(mean, deviation);
  Bytes bytes(count * item_size(dtype));
  for (std::size_t i = 0; i < count; ++i)
    scalar::store(dtype, i % 17 == 3 ? 0.0F : distribution(random), bytes.data() + i * item_size(dtype));
  return bytes;
}

struct Result {
  ValueSums sums;
  std::vector<float> channels;
};

void expect_equal(const Result& a, const Result& b) {
  EXPECT_EQ(a.sums.finite, b.sums.finite);
  EXPECT_EQ(a.sums.zeros, b.sums.zeros);
  EXPECT_EQ(a.sums.sum, b.sums.sum);
  EXPECT_EQ(a.sums.sum_sq, b.sums.sum_sq);
  EXPECT_EQ(a.sums.min, b.sums.min);
  EXPECT_EQ(a.sums.max, b.sums.max);
  EXPECT_EQ(a.sums.histogram, b.sums.histogram);
  EXPECT_EQ(a.channels, b.channels);
}

constexpr ValueRange range{.shift = 0.25F, .low = -4, .scale = 3};
struct Sizes {
  std::size_t rows, width;
};
// One lane, less and more than a group of lanes, several pieces, rows that are longer than a piece.
constexpr Sizes sizes[] = {{1, 1},    {3, 15}, {5, 16}, {7, 17}, {129, 80}, {100, 128}, {2, max_piece}, {2, max_piece + 33},
                           {1, 70000}};

TEST(ValueStats, EveryTargetEqualsTheScalarTwin) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    for (const Sizes& size : sizes) {
      // Not structured bindings, which clang 14 does not let lambdas capture.
      const std::size_t rows = size.rows, width = size.width;
      SCOPED_TRACE(std::string(name(dtype)) + " " + std::to_string(rows) + " x " + std::to_string(width));
      const Bytes values = values_of(dtype, rows * width, 0.3F, 1.5F);
      Result expected{{}, std::vector<float>(width)};
      scalar::add_values(dtype, values.data(), rows, width, range, expected.channels.data(), expected.sums);
      test::on_every_target([&] {
        Result got{{}, std::vector<float>(width)};
        ASSERT_TRUE(simd::add_values(dtype, values.data(), rows, width, range, got.channels.data(), got.sums));
        expect_equal(got, expected);
        got.sums = {};
        ASSERT_TRUE(simd::add_values(dtype, values.data(), rows, width, range, nullptr, got.sums));
        expect_equal(got, expected);
      });
    }
  }
}

TEST(ValueStats, EveryTargetSeesWhatIsNotFinite) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
      for (const std::size_t at : {std::size_t{0}, std::size_t{40}, std::size_t{5000}}) {
        Bytes values = values_of(dtype, 5001, 0, 1);
        scalar::store(dtype, bad, values.data() + at * item_size(dtype));
        test::on_every_target([&] {
          ValueSums sums;
          EXPECT_FALSE(simd::add_values(dtype, values.data(), 1, 5001, range, nullptr, sums));
        });
        ValueSums sums;
        scalar::add_values(dtype, values.data(), 1, 5001, range, nullptr, sums);
        EXPECT_EQ(sums.nan, std::isnan(bad) ? 1U : 0U);
        EXPECT_EQ(sums.infinite, std::isnan(bad) ? 0U : 1U);
        EXPECT_EQ(sums.finite, 5000U);
        EXPECT_TRUE(std::isfinite(sums.sum) && std::isfinite(sums.sum_sq) && std::isfinite(sums.min) &&
                    std::isfinite(sums.max));
      }
    }
  }
}

TEST(ValueStats, TheTwinCountsWhatIsThere) {
  const std::vector<float> values = {-5, -4, -0.0F, 0, 0.1F, 3.99F, 4, 1e30F};
  ValueSums sums;
  scalar::add_values(Dtype::F32, reinterpret_cast<const std::byte*>(values.data()), 1, values.size(), {0, -4, 3}, nullptr,
                     sums);
  EXPECT_EQ(sums.zeros, 2U);
  EXPECT_EQ(sums.min, -5);
  EXPECT_EQ(sums.max, 1e30F);
  EXPECT_EQ(sums.histogram[0], 1U) << "below";
  EXPECT_EQ(sums.histogram[1], 1U) << "[-4, -3.67)";
  EXPECT_EQ(sums.histogram[13], 3U) << "[0, 0.33)";
  EXPECT_EQ(sums.histogram[24], 1U) << "[3.67, 4)";
  EXPECT_EQ(sums.histogram[25], 2U) << "above";
}

TEST(ValueStats, AShiftKeepsASmallDeviationBesideALargeMean) {
  const std::size_t count = 100'000;
  const Bytes values = values_of(Dtype::F32, count, 0, 1);
  Bytes far(values.size());
  long double distance = 0, squares = 0;  // from 1e6: nothing cancels
  for (std::size_t i = 0; i < count; ++i) {
    const float value = 1e6F + scalar::load(Dtype::F32, values.data() + 4 * i);
    scalar::store(Dtype::F32, value, far.data() + 4 * i);
    distance += static_cast<long double>(value) - 1e6L;
    squares += (static_cast<long double>(value) - 1e6L) * (static_cast<long double>(value) - 1e6L);
  }
  const long double variance = squares / count - distance / count * (distance / count);
  ValueSums sums;
  ASSERT_TRUE(simd::add_values(Dtype::F32, far.data(), 1, count, {1e6F, 0, 1}, nullptr, sums));
  const double mean = sums.sum / static_cast<double>(count);
  EXPECT_NEAR(sums.sum_sq / static_cast<double>(count) - mean * mean, static_cast<double>(variance), 1e-9);
}

TEST(ValueStats, SquaresOfRows) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    Bytes values = values_of(dtype, 100 * 83, 0, 2);
    if (dtype != Dtype::F16) scalar::store(dtype, 1e30F, values.data());  // its square is no float
    scalar::store(dtype, NAN, values.data() + 83 * item_size(dtype));
    std::vector<double> expected(100);
    scalar::row_squares(dtype, values.data(), 100, 83, expected.data());
    test::on_every_target([&] {
      std::vector<double> got(100);
      simd::row_squares(dtype, values.data(), 100, 83, got.data());
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i] / expected[i], 1, 1e-5);
    });
  }
}

}  // namespace
}  // namespace kvcache
