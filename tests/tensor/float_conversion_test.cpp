#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kvcache/quantize.h"

namespace {

using namespace kvcache;

constexpr float float_infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

TEST(FloatConversion, HalfsAreExactInFloat) {
  EXPECT_EQ(f16_to_f32(0x3C00), 1.0F);
  EXPECT_EQ(f16_to_f32(0xC248), -3.140625F);
  EXPECT_EQ(f16_to_f32(0x7BFF), 65504.0F);
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24F);
  EXPECT_EQ(f16_to_f32(0xFC00), -float_infinity);
  EXPECT_TRUE(std::isnan(f16_to_f32(0x7C01)));
  for (std::uint16_t bits = 0; bits < 0x7C00; ++bits) {
    const int exponent = bits >> 10;
    const int fraction = bits & 0x3FF;
    const float expected = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                         : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    ASSERT_EQ(f16_to_f32(bits), expected) << bits;
  }
}

// Between each two neighbours: what lies in the middle goes to the even one, everything else to the nearer one.
TEST(FloatConversion, FloatsRoundToTheNearestHalfAndTiesToEven) {
  for (std::uint16_t bits = 0; bits < 0x7C00; ++bits) {
    const float lower = f16_to_f32(bits);
    const float upper = bits == 0x7BFF ? 65536.0F : f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    const float middle = (lower + upper) / 2;
    ASSERT_EQ(f32_to_f16(lower), bits);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, lower)), bits);
    ASSERT_EQ(f32_to_f16(middle), bits + bits % 2);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, upper)), bits + 1);
    ASSERT_EQ(f32_to_f16(-middle), 0x8000 + bits + bits % 2);
  }
  EXPECT_EQ(f32_to_f16(1e9F), 0x7C00);
  EXPECT_EQ(f32_to_f16(-float_infinity), 0xFC00);
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(nan))));
}

TEST(FloatConversion, FloatsRoundToTheNearestBrainFloatAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7F80; ++bits) {
    const std::uint32_t wide = bits << 16U;
    const auto narrow = [](std::uint32_t value) { return f32_to_bf16(std::bit_cast<float>(value)); };
    ASSERT_EQ(bf16_to_f32(static_cast<std::uint16_t>(bits)), std::bit_cast<float>(wide));
    ASSERT_EQ(narrow(wide), bits);
    ASSERT_EQ(narrow(wide + 0x7FFF), bits);
    ASSERT_EQ(narrow(wide + 0x8000), bits + bits % 2);
    ASSERT_EQ(narrow(wide + 0x8001), bits + 1);
    ASSERT_EQ(narrow((wide + 0x8000) | 0x80000000U), 0x8000 + bits + bits % 2);
  }
  EXPECT_EQ(f32_to_bf16(float_infinity), 0x7F80);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(nan))));
  // A NaN whose payload rounding would carry into the exponent.
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7FFFFFFFU)))));
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

}  // namespace
