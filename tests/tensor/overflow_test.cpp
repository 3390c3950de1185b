// Groups that decode to infinity although all their values are finite.
#include "tensor/overflow.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cmath>
#include <utility>

#include "every_target.h"
#include "float_arrays.h"
#include "kvcache/error.h"
#include "support/errors.h"
#include "tensor/simd/kernels.h"

namespace kvcache {
namespace {

using test::error_of;

template <class F>
bool refuses(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const Error&) {
    return true;
  }
  return false;
}

// As the reference would encode one group, and what it decodes to.
bool decodes_to_infinity(const GroupLayout& layout, const std::vector<float>& values) {
  std::array<std::byte, max_group_size> codes{};
  std::array<std::byte, sizeof(float)> scale{};
  std::array<std::byte, sizeof(float)> bias{};
  const auto bytes = test::to_bytes(layout.dtype, values);
  static_cast<void>(scalar::encode(layout, bytes.data(), 1, {codes.data(), scale.data(), bias.data()}));
  test::FloatBytes decoded(layout.value_bytes());
  scalar::decode(layout, {codes.data(), scale.data(), bias.data()}, 1, layout.dtype, decoded.data());
  for (const float value : test::to_floats(layout.dtype, decoded))
    if (!std::isfinite(value)) return true;
  return false;
}

Tensor row_of(Dtype dtype, const std::vector<float>& values) {
  return test::tensor_of(dtype, {1, 1, 1, static_cast<std::int64_t>(values.size())}, values);
}

TEST(Overflow, OneLargestValueAmongSmallOnesIsRefused) {
  std::vector<float> values = test::normal_values(3 * 64);
  values[2 * 64 + 5] = 65504.0F;
  const Tensor x = test::tensor_of(Dtype::F16, {1, 1, 3, 64}, values);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    const Quantized q = quantize(x, bits, 64, {.label = "layer 3 keys", .stats = nullptr, .wider = "WIDEN"});
    const auto error = error_of([&] { static_cast<void>(test::contents(q.weights)); });
    ASSERT_TRUE(error) << bits;
    EXPECT_EQ(error->kind(), ErrorKind::impossible);
    EXPECT_NE(std::string(error->what()).find("layer 3 keys: the values of the group of 64 at sequence 0, head 0, token 2"),
              std::string::npos)
        << error->what();
    EXPECT_EQ(error->remedy().text().find("WIDEN"), 0U);
  }
  // The same range around zero needs no product beyond it.
  values[2 * 64 + 5] = 60000.0F;
  EXPECT_NO_THROW(
      static_cast<void>(test::contents(quantize(test::tensor_of(Dtype::F16, {1, 1, 3, 64}, values), 8, 64).weights)));
}

TEST(Overflow, RangesThatWereReportedAreRefused) {
  const auto refused = [](Dtype dtype, float low, float high, int bits) {
    std::vector<float> values = test::normal_values(64);
    values[1] = low;
    values[2] = high;
    const Quantized q = quantize(row_of(dtype, values), bits, 64);
    return refuses([&] { static_cast<void>(test::contents(q.weights)); });
  };
  EXPECT_TRUE(refused(Dtype::F16, -33000, 33000, 8));
  EXPECT_TRUE(refused(Dtype::F16, -20000, 50000, 4));
  EXPECT_FALSE(refused(Dtype::F16, -20000, 40000, 4));
  EXPECT_FALSE(refused(Dtype::BF16, -33000, 33000, 8));
  EXPECT_FALSE(refused(Dtype::F32, -65504, 65504, 4));
  EXPECT_TRUE(refused(Dtype::BF16, -2e38F, 2e38F, 4));
}

// Neither more nor less than what really decodes to infinity, with whatever instructions.
RC_GTEST_PROP(OverflowProperty, RefusesExactlyWhatDecodesToInfinity, ()) {
  const GroupLayout layout{*rc::gen::element(Dtype::F16, Dtype::BF16, Dtype::F32), *rc::gen::element(2, 3, 4, 5, 6, 8),
                           *rc::gen::element(32, 64, 128)};
  const float largest = test::largest(layout.dtype);
  // Around the range at which code times scale overflows.
  const float low = -largest * (static_cast<float>(*rc::gen::inRange(0, 1000)) / 1000);
  const float high = std::min(largest, low + largest * (static_cast<float>(*rc::gen::inRange(950, 1010)) / 1000));
  std::vector<float> values(static_cast<std::size_t>(layout.group_size));
  for (float& value : values) value = low + (high - low) * static_cast<float>(*rc::gen::inRange(0, 1001)) / 1000;
  const bool overflows = decodes_to_infinity(layout, values);
  test::on_every_target([&] {
    const Quantized q = quantize(row_of(layout.dtype, values), layout.bits, layout.group_size);
    RC_ASSERT(refuses([&] { static_cast<void>(test::contents(q.weights)); }) == overflows);
  });
}

// Foreign files may hold anything: signs that no encoder writes, codes beyond those in use.
RC_GTEST_PROP(OverflowProperty, DecodingSaysWhatItWouldMakeInfinite, ()) {
  const GroupLayout layout{*rc::gen::element(Dtype::F16, Dtype::BF16), *rc::gen::element(2, 4, 8), 32};
  const float largest = test::largest(layout.dtype);
  const auto part = [&](int parts) { return largest * (static_cast<float>(*rc::gen::inRange(-parts, parts + 1)) / 100); };
  const auto scale = test::to_bytes(layout.dtype, {part(100 / ((1 << layout.bits) - 1) + 1)});
  const auto bias = test::to_bytes(layout.dtype, {part(100)});
  test::FloatBytes codes(layout.weight_bytes());
  for (std::byte& byte : codes) byte = static_cast<std::byte>(*rc::gen::inRange(0, 256));
  const ConstEncodedGroups group{codes.data(), scale.data(), bias.data()};
  test::FloatBytes decoded(layout.value_bytes());
  scalar::decode(layout, group, 1, layout.dtype, decoded.data());
  std::optional<std::size_t> first;
  const auto values = test::to_floats(layout.dtype, decoded);
  for (std::size_t i = values.size(); i-- > 0;)
    if (!std::isfinite(values[i])) first = i;
  RC_ASSERT(overflowing_value(layout, group) == first);
  if (first) RC_ASSERT(may_overflow(layout, scale.data(), bias.data(), 1));

  const Quantized q{Tensor::of_bytes(Dtype::U32, {1, 1, 1, layout.bits}, codes),
                    Tensor::of_bytes(layout.dtype, {1, 1, 1, 1}, scale), Tensor::of_bytes(layout.dtype, {1, 1, 1, 1}, bias)};
  const auto decode = [&](Dtype out, bool allow) {
    return refuses([&] {
      static_cast<void>(test::contents(dequantize(q, layout.bits, 32, out, {.label = "keys", .allow_infinity = allow})));
    });
  };
  RC_ASSERT(decode(layout.dtype, false) == first.has_value());
  RC_ASSERT(!decode(layout.dtype, true));
  RC_ASSERT(layout.dtype != Dtype::F16 || !decode(Dtype::F32, false));
}

// 15 x 3276 is 49140, which rounds up to 49152: only that and 16376 reach 65520, from where halfs are infinite.
TEST(Overflow, ProductsThatRoundUpwardsCount) {
  for (const auto& [dtype, scale, bias] :
       {std::tuple{Dtype::F16, 3276.0F, 16376.0F}, std::tuple{Dtype::F16, -3276.0F, -16376.0F},
        std::tuple{Dtype::BF16, 0x1.22P+123F, 0x1.DEP+126F}}) {
    const GroupLayout layout{dtype, 4, 32};
    const test::FloatBytes codes(layout.weight_bytes(), std::byte{0xFF});
    const auto scales = test::to_bytes(dtype, {scale});
    const auto biases = test::to_bytes(dtype, {bias});
    EXPECT_EQ(overflowing_value(layout, {codes.data(), scales.data(), biases.data()}), 0U) << name(dtype);
    EXPECT_TRUE(may_overflow(layout, scales.data(), biases.data(), 1)) << name(dtype);
  }
}

TEST(Overflow, SafeScalesAreTheLargest) {
  // 15 x 4368 is 65520, which rounds to infinity; one step less does not.
  EXPECT_EQ(largest_safe_scale(Dtype::F16, 4), 0x6C43U);
  EXPECT_EQ(largest_safe_scale(Dtype::F32, 8), 0x7B808080U);
}

}  // namespace
}  // namespace kvcache
