#include <gtest/gtest.h>

#include "float_arrays.h"
#include "kvcache/error.h"
#include "kvcache/quantize.h"

namespace {

using namespace kvcache;

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(Cast, RoundsToNearestEven) {
  const Tensor x = test::tensor_of(Dtype::F32, {4}, {1.0F, 1.0F + 0x1p-8F, 1.0F + 0x1p-11F, -0.1F});
  EXPECT_EQ(test::floats_of(cast(x, Dtype::BF16)), (std::vector<float>{1.0F, 1.0F, 1.0F, -0.10009765625F}));
  EXPECT_EQ(test::floats_of(cast(x, Dtype::F16)), (std::vector<float>{1.0F, 1.0F + 0x1p-8F, 1.0F, -0.0999755859375F}));
}

TEST(Cast, WideningIsExact) {
  const auto values = test::normal_values(1000);
  const Tensor x = test::tensor_of(Dtype::F16, {10, 100}, values);
  EXPECT_EQ(test::floats_of(cast(x, Dtype::F32)), test::floats_of(x));
}

TEST(Cast, ToItsOwnTypeIsTheSameTensor) {
  const Tensor x = test::tensor_of(Dtype::F16, {2}, {1.0F, 2.0F});
  bool stored = false;
  cast(x, Dtype::F16).visit(0, 4, [&](const Extent& extent) { stored = extent.kind == Extent::Kind::source; });
  EXPECT_TRUE(stored);
}

TEST(Cast, InfinitiesAndNanStay) {
  const Tensor x = test::tensor_of(Dtype::F32, {3}, {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()});
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16}) {
    const auto values = test::floats_of(cast(x, dtype));
    EXPECT_EQ(values[0], infinity);
    EXPECT_EQ(values[1], -infinity);
    EXPECT_TRUE(std::isnan(values[2]));
  }
}

// 65520 is halfway between the largest F16 and what would come next.
TEST(Cast, SaysWhereAValueDoesNotFit) {
  std::vector<float> values(2 * 2 * 3 * 32, 65519.0F);
  const auto message = [&](Dtype from, Dtype to) -> std::string {
    try {
      (void)test::contents(cast(test::tensor_of(from, {2, 2, 3, 32}, values), to, {"layer 0 values", false, nullptr}));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::impossible);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(Dtype::F32, Dtype::F16), "");
  values[(2 * 3 + 1) * 32 + 5] = -65520.0F;
  EXPECT_EQ(message(Dtype::F32, Dtype::F16),
            "layer 0 values: -65520 at sequence 1, head 0, token 1 is beyond the range of F16");
  EXPECT_EQ(message(Dtype::F32, Dtype::BF16), "");
  EXPECT_NE(message(Dtype::BF16, Dtype::F16), "");
  values[0] = std::numeric_limits<float>::max();
  EXPECT_NE(message(Dtype::F32, Dtype::BF16), "");
}

TEST(Cast, CountsWhatOverflowsWhenThatIsAllowed) {
  const auto stats = std::make_shared<CastStats>();
  std::vector<float> values(100001, 1.0F);
  values[3] = 1e6F;
  values[100000] = -1e6F;
  values[50000] = infinity;  // was infinite before
  const auto cast_values = test::floats_of(cast(test::tensor_of(Dtype::F32, {100001}, values), Dtype::F16, {"x", true, stats}));
  EXPECT_EQ(stats->overflows(), 2U);
  EXPECT_EQ(cast_values[100000], -infinity);
}

TEST(Cast, OnlyBetweenFloats) {
  EXPECT_THROW((void)cast(Tensor::zeros(Dtype::U32, {2}), Dtype::F32), Error);
  EXPECT_THROW((void)cast(Tensor::zeros(Dtype::F32, {2}), Dtype::I32), Error);
}

TEST(Cast, NothingStaysNothing) {
  EXPECT_EQ(cast(Tensor::zeros(Dtype::F32, {3, 0}), Dtype::F16).shape(), (Shape{3, 0}));
}

}  // namespace
