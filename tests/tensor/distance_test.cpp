// The vector kernel of differences against its scalar twin, and the twin against what the numbers are.
#include "tensor/distance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "every_target.h"
#include "tensor/quantize_scalar.h"
#include "tensor/simd/kernels.h"

namespace kvcache {
namespace {

using Bytes = std::vector<std::byte>;

Bytes values_of(Dtype dtype, std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0.25F, 1.5F);
  Bytes bytes(count * item_size(dtype));
  for (std::size_t i = 0; i < count; ++i)
    scalar::store(dtype, i % 7 == 3 ? 1.0F : distribution(random), bytes.data() + i * item_size(dtype));
  return bytes;
}

void expect_equal(const Distances& got, const Distances& expected) {
  EXPECT_EQ(got.differing, expected.differing);
  EXPECT_EQ(got.max_abs, expected.max_abs);
  EXPECT_EQ(got.sum_sq, expected.sum_sq);
}

TEST(Distances, EveryTargetEqualsTheScalarTwin) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 128U, 1003U, 70001U}) {
      for (const double tolerance : {0.0, 0.75}) {
        SCOPED_TRACE(std::string(name(dtype)) + " " + std::to_string(count));
        const Bytes a = values_of(dtype, count, 1);
        const Bytes b = values_of(dtype, count, 2);
        const Distances expected = scalar::distances(dtype, a.data(), b.data(), count, tolerance);
        if (count > 100) {
          EXPECT_LT(expected.differing, count);
        }
        test::on_every_target([&] { expect_equal(simd::distances(dtype, a.data(), b.data(), count, tolerance), expected); });
      }
    }
  }
}

TEST(Distances, WhatIsNotFiniteHasOne) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    for (const std::size_t at : {0U, 40U, 1002U}) {
      const auto found = [&](float x, float y) {
        Bytes a = values_of(dtype, 1003, 1);
        Bytes b = a;
        scalar::store(dtype, x, a.data() + at * item_size(dtype));
        scalar::store(dtype, y, b.data() + at * item_size(dtype));
        const Distances expected = scalar::distances(dtype, a.data(), b.data(), 1003, 0);
        test::on_every_target([&] { expect_equal(simd::distances(dtype, a.data(), b.data(), 1003, 0), expected); });
        return expected;
      };
      const float nan = std::nanf("");
      EXPECT_EQ(found(nan, nan).differing, 0U);
      EXPECT_EQ(found(INFINITY, INFINITY).differing, 0U);
      for (const auto& [x, y] : {std::pair{nan, 1.0F}, {1.0F, nan}, {INFINITY, 1.0F}, {INFINITY, -INFINITY}, {nan, INFINITY}}) {
        const Distances distances = found(x, y);
        EXPECT_EQ(distances.differing, 1U);
        EXPECT_EQ(distances.max_abs, INFINITY);
        EXPECT_EQ(distances.sum_sq, INFINITY);
      }
    }
  }
}

TEST(Distances, AreThoseOfTheNumbers) {
  const std::vector<float> a = {1, 2, -0.0F, 3e38F, 5};
  const std::vector<float> b = {1.5F, 2, 0, -3e38F, 5.25F};
  const auto found = [&](double tolerance) {
    return scalar::distances(Dtype::F32, reinterpret_cast<const std::byte*>(a.data()),
                             reinterpret_cast<const std::byte*>(b.data()), a.size(), tolerance);
  };
  EXPECT_EQ(found(0).differing, 3U);
  EXPECT_EQ(found(0.25).differing, 2U);
  const double far = 2 * static_cast<double>(3e38F);
  EXPECT_EQ(found(0).max_abs, far);
  EXPECT_EQ(found(0).sum_sq, far * far);
}

}  // namespace
}  // namespace kvcache
