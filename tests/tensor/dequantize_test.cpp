#include <gtest/gtest.h>

#include "float_arrays.h"
#include "kvcache/error.h"
#include "kvcache/quantize.h"

namespace {

using namespace kvcache;

/// One row of one group of 32 codes, all the same.
Quantized one_group(Dtype dtype, std::uint8_t code, float scale, float bias) {
  return {Tensor::of_bytes(Dtype::U32, {1, 8}, std::vector<std::byte>(32, std::byte{code})),
          test::tensor_of(dtype, {1, 1}, {scale}), test::tensor_of(dtype, {1, 1}, {bias})};
}

// 253 * 1.0009765625 is 253.247...; F16 has steps of 1/8 there. Rounded only once, the sum would be 0.2470703125.
TEST(Dequantize, RoundsTheProductThenTheSum) {
  const Quantized q = one_group(Dtype::F16, 253, 1.0009765625F, -253.0F);
  EXPECT_EQ(test::floats_of(dequantize(q, 8, 32, Dtype::F16)), std::vector<float>(32, 0.25F));
}

TEST(Dequantize, ComputesInFloatWhenFloatIsAskedFor) {
  const Quantized q = one_group(Dtype::F16, 253, 1.0009765625F, -253.0F);
  EXPECT_EQ(test::floats_of(dequantize(q, 8, 32, Dtype::F32)), std::vector<float>(32, 253 * 1.0009765625F - 253.0F));
}

// BF16 computes in BF16, whatever is asked for afterwards.
TEST(Dequantize, CastsToTheOtherSmallType) {
  const Quantized q = one_group(Dtype::BF16, 255, 0.01F, 1.0F);
  const Tensor in_its_type = dequantize(q, 8, 32, Dtype::BF16);
  EXPECT_EQ(test::floats_of(dequantize(q, 8, 32, Dtype::F16)), test::floats_of(in_its_type));
}

TEST(Dequantize, RefusesToOverflowInTheCast) {
  const Tensor x = dequantize(one_group(Dtype::BF16, 255, 1000.0F, 0.0F), 8, 32, Dtype::F16);
  EXPECT_THROW(test::contents(x), Error);
}

TEST(Dequantize, AnyPartCanBeReadAlone) {
  const Quantized q = quantize(test::tensor_of(Dtype::F16, {1, 2, 9, 128}, test::normal_values(2 * 9 * 128)), 5, 64);
  const Tensor x = dequantize(q, 5, 64, Dtype::F16);
  const auto whole = test::contents(x);
  for (const std::size_t begin : {std::size_t{0}, std::size_t{3}, std::size_t{250}, std::size_t{2000}}) {
    test::FloatBytes part(700);
    x.read(begin, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin)));
  }
}

TEST(Dequantize, RefusesArraysThatDoNotBelongTogether) {
  const Tensor weights = Tensor::zeros(Dtype::U32, {1, 2, 5, 16});
  const Tensor scales = Tensor::zeros(Dtype::F16, {1, 2, 5, 2});
  EXPECT_EQ(dequantize({weights, scales, scales}, 4, 64, Dtype::F16).shape(), (Shape{1, 2, 5, 128}));
  const auto refuses = [](const Quantized& q, int bits, int group_size) {
    try {
      (void)dequantize(q, bits, group_size, Dtype::F16);
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::impossible;
    }
  };
  EXPECT_TRUE(refuses({weights, scales, scales}, 8, 64)) << "bits";
  EXPECT_TRUE(refuses({weights, scales, scales}, 4, 32)) << "group size";
  EXPECT_TRUE(refuses({scales, scales, scales}, 4, 64)) << "dtype of the weights";
  EXPECT_TRUE(refuses({weights, scales, Tensor::zeros(Dtype::BF16, {1, 2, 5, 2})}, 4, 64)) << "dtype of the biases";
  EXPECT_TRUE(refuses({weights, scales, scales.slice(2, 0, 4)}, 4, 64)) << "rows of the biases";
  EXPECT_TRUE(refuses({weights.slice(2, 0, 4), scales, scales}, 4, 64)) << "rows of the weights";
  EXPECT_TRUE(refuses({weights, Tensor::zeros(Dtype::U8, {1, 2, 5, 2}), Tensor::zeros(Dtype::U8, {1, 2, 5, 2})}, 4, 64))
      << "fp modes";
}

TEST(Dequantize, RefusesWhatIsNotAffine) {
  const Tensor nothing = Tensor::zeros(Dtype::F16, {1, 0});
  EXPECT_THROW((void)dequantize({nothing, nothing, nothing}, 7, 64, Dtype::F16), Error);
  EXPECT_THROW((void)dequantize({nothing, nothing, nothing}, 4, 16, Dtype::F16), Error);
  EXPECT_THROW((void)dequantize({nothing, nothing, nothing}, 4, 64, Dtype::U32), Error);
}

}  // namespace
