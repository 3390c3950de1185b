#include "kvcache/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "float_arrays.h"
#include "kvcache/error.h"

namespace {

using namespace kvcache;

template <class Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::io, ""};
}

// One group by hand: from -1 to 30 in steps of 1 there are 31 steps, which 5 bits count exactly.
TEST(Quantize, KeepsTheLargerEndOfTheRangeExact) {
  std::vector<float> values(32);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 1;
  const Quantized q = quantize(test::tensor_of(Dtype::F32, {1, 32}, values), 5, 32);
  EXPECT_EQ(q.weights.shape(), (Shape{1, 5}));
  EXPECT_EQ(q.weights.dtype(), Dtype::U32);
  EXPECT_EQ(test::floats_of(q.scales), std::vector<float>{-1.0F});
  EXPECT_EQ(test::floats_of(q.biases), std::vector<float>{30.0F});
  // Codes 31, 30, 29, ... as a little-endian bitstream: 11111 01111 10111 00111 ... lowest bit first.
  const auto bytes = test::contents(q.weights);
  EXPECT_EQ(bytes[0], std::byte{0xDF});
  EXPECT_EQ(bytes[1], std::byte{0x77});
  EXPECT_EQ(test::floats_of(dequantize(q, 5, 32, Dtype::F32)), values);
}

TEST(Quantize, GroupOfZerosHasTheSmallestNegativeScale) {
  const auto bits_of_scale = [](Dtype dtype) {
    const Quantized q = quantize(Tensor::zeros(dtype, {1, 64}), 4, 64);
    EXPECT_EQ(test::floats_of(q.biases), std::vector<float>{0.0F});
    EXPECT_EQ(test::contents(q.weights), test::FloatBytes(32));
    return test::contents(q.scales);
  };
  EXPECT_EQ(bits_of_scale(Dtype::F16), (test::FloatBytes{std::byte{0x02}, std::byte{0x80}}));
  EXPECT_EQ(bits_of_scale(Dtype::BF16), (test::FloatBytes{std::byte{0xD7}, std::byte{0xB3}}));
}

TEST(Quantize, ConstantsDecodeExactly) {
  for (const float constant : {0.1F, -7.0F, 60000.0F}) {
    const Tensor x = test::tensor_of(Dtype::F16, {1, 1, 1, 32}, std::vector<float>(32, constant));
    EXPECT_EQ(test::contents(dequantize(quantize(x, 2, 32), 2, 32, Dtype::F16)), test::contents(x));
  }
}

TEST(Quantize, AnyPartCanBeReadAlone) {
  const Tensor x = test::tensor_of(Dtype::BF16, {2, 3, 7, 96}, test::normal_values(2 * 3 * 7 * 96));
  const Quantized q = quantize(x, 3, 32);
  for (const Tensor& output : {q.weights, q.scales, q.biases}) {
    const auto whole = test::contents(output);
    for (const std::size_t begin : {std::size_t{0}, std::size_t{1}, std::size_t{37}, whole.size() / 2}) {
      for (const std::size_t length : {std::size_t{1}, std::size_t{36}, std::size_t{101}}) {
        test::FloatBytes part(length);
        output.read(begin, part);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin)));
      }
    }
  }
}

TEST(Quantize, SlicingAfterwardsIsTheSameAsBefore) {
  const Tensor x = test::tensor_of(Dtype::BF16, {2, 3, 7, 96}, test::normal_values(2 * 3 * 7 * 96));
  const Quantized whole = quantize(x, 3, 32);
  const Quantized tokens = quantize(x.slice(2, 2, 5), 3, 32);
  EXPECT_EQ(test::contents(whole.weights.slice(2, 2, 5)), test::contents(tokens.weights));
  EXPECT_EQ(test::contents(whole.scales.slice(2, 2, 5)), test::contents(tokens.scales));
  EXPECT_EQ(test::contents(whole.biases.slice(2, 2, 5)), test::contents(tokens.biases));
}

// A row much larger than the tiles that are held in memory.
TEST(Quantize, RowsMayBeLong) {
  const std::size_t head_dim = 1 << 18;
  const auto values = test::normal_values(2 * head_dim);
  const Quantized long_rows = quantize(test::tensor_of(Dtype::F32, {2, 1 << 18}, values), 6, 128);
  const Quantized short_rows = quantize(test::tensor_of(Dtype::F32, {1 << 12, 128}, values), 6, 128);
  EXPECT_TRUE(test::contents(long_rows.weights) == test::contents(short_rows.weights));
  EXPECT_TRUE(test::contents(long_rows.biases) == test::contents(short_rows.biases));
}

// The input of a computation may be a computation.
TEST(Quantize, RequantizesWithoutAnArrayInBetween) {
  const Tensor x = test::tensor_of(Dtype::F16, {1, 2, 500, 128}, test::normal_values(2 * 500 * 128));
  const Tensor eight_bit = dequantize(quantize(x, 8, 64), 8, 64, Dtype::F16);
  const Tensor stored = Tensor::of_bytes(Dtype::F16, eight_bit.shape(), test::contents(eight_bit));
  EXPECT_TRUE(test::contents(quantize(eight_bit, 4, 32).weights) == test::contents(quantize(stored, 4, 32).weights));
}

TEST(Quantize, NothingStaysNothing) {
  const Quantized no_width = quantize(Tensor::zeros(Dtype::BF16, {1, 2, 5, 0}), 4, 64);
  EXPECT_EQ(no_width.weights.shape(), (Shape{1, 2, 5, 0}));
  EXPECT_EQ(no_width.scales.shape(), (Shape{1, 2, 5, 0}));
  EXPECT_EQ(no_width.scales.dtype(), Dtype::BF16);
  EXPECT_EQ(dequantize(no_width, 4, 64, Dtype::BF16).shape(), (Shape{1, 2, 5, 0}));
  const Quantized no_tokens = quantize(Tensor::zeros(Dtype::F32, {1, 2, 0, 128}), 6, 64);
  EXPECT_EQ(no_tokens.weights.shape(), (Shape{1, 2, 0, 24}));
  EXPECT_EQ(dequantize(no_tokens, 6, 64, Dtype::F16).shape(), (Shape{1, 2, 0, 128}));
}

TEST(Quantize, SaysWhereAValueIsNotFinite) {
  std::vector<float> values = test::normal_values(2 * 3 * 5 * 64);
  values[((1 * 3 + 2) * 5 + 3) * 64 + 10] = std::numeric_limits<float>::quiet_NaN();
  const auto read = [&] {
    test::contents(quantize(test::tensor_of(Dtype::BF16, {2, 3, 5, 64}, values), 4, 64, {"layer 3 keys", nullptr}).scales);
  };
  EXPECT_STREQ(error_of(read).what(), "layer 3 keys: NaN at sequence 1, head 2, token 3");
  EXPECT_EQ(error_of(read).kind(), ErrorKind::impossible);
  values[7 * 64] = -std::numeric_limits<float>::infinity();
  EXPECT_STREQ(error_of(read).what(), "layer 3 keys: -infinity at sequence 0, head 1, token 2");
}

TEST(Quantize, SaysWhereAScaleWouldBeInfinite) {
  std::vector<float> values = test::normal_values(2 * 3 * 64);
  values[(1 * 3 + 2) * 64 + 40] = 3e38F;
  values[(1 * 3 + 2) * 64 + 50] = -3e38F;
  const Error error = error_of([&] {
    test::contents(quantize(test::tensor_of(Dtype::F32, {1, 2, 3, 64}, values), 8, 32, {"layer 3 keys", nullptr}).weights);
  });
  EXPECT_STREQ(
      error.what(),
      "layer 3 keys: the 32 values from sequence 0, head 1, token 2 on are so far apart that their scale would be infinite");
  EXPECT_EQ(error.kind(), ErrorKind::impossible);
}

// Memory is bounded by groups, whatever the rows.
TEST(Quantize, AGroupIsAUnit) {
  const Quantized q = quantize(Tensor::zeros(Dtype::F16, {1, 1, 1, 1 << 20}), 8, 32);
  std::optional<Extent> extent;
  q.scales.visit(0, 1, [&](const Extent& e) { extent = e; });
  ASSERT_TRUE(extent && extent->computation);
  EXPECT_EQ(extent->computation->unit_input_bytes(), 64U);
  const Tensor back = dequantize(q, 8, 32, Dtype::F16);
  back.visit(0, 1, [&](const Extent& e) { extent = e; });
  EXPECT_EQ(extent->computation->unit_bytes(0), 64U);
}

TEST(Quantize, SaysWhichGroupSizesWouldDivide) {
  const auto hint = [](std::int64_t head_dim) {
    const Error error = error_of([&] { (void)quantize(Tensor::zeros(Dtype::F16, {1, 1, 1, head_dim}), 4, 64); });
    EXPECT_EQ(error.kind(), ErrorKind::impossible);
    return error.remedy().text();
  };
  EXPECT_EQ(hint(96), "use group size 32");
  EXPECT_EQ(hint(80), "no group size (32, 64, 128) divides it: this tensor cannot be quantized");
}

TEST(Quantize, RefusesWhatTheFormatCannotHold) {
  const Tensor x = Tensor::zeros(Dtype::F16, {1, 128});
  for (const int bits : {0, 1, 7, 16, -4}) {
    EXPECT_FALSE(is_supported_bits(bits));
    EXPECT_EQ(error_of([&] { (void)quantize(x, bits, 64); }).kind(), ErrorKind::usage);
  }
  for (const int group_size : {0, 16, 48, 256}) {
    EXPECT_FALSE(is_supported_group_size(group_size));
    EXPECT_EQ(error_of([&] { (void)quantize(x, 4, group_size); }).kind(), ErrorKind::usage);
  }
  EXPECT_EQ(error_of([] { (void)quantize(Tensor::zeros(Dtype::I32, {1, 128}), 4, 64); }).kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([] { (void)quantize(Tensor::zeros(Dtype::F32, {}), 4, 64); }).kind(), ErrorKind::usage);
}

TEST(ErrorStats, MeasureWhatDecodingLoses) {
  const auto stats = std::make_shared<ErrorStats>();
  const Tensor x = test::tensor_of(Dtype::F16, {1, 4, 300, 64}, test::normal_values(4 * 300 * 64));
  const Quantized q = quantize(x, 4, 64, {"keys", stats});
  EXPECT_EQ(stats->rmse(), 0.0) << "nothing was computed yet";
  // Read one after the other: the elements still count once.
  for (const Tensor& output : {q.weights, q.scales, q.biases}) (void)test::contents(output);

  const auto original = test::floats_of(x);
  const auto decoded = test::floats_of(dequantize(q, 4, 64, Dtype::F16));
  double max = 0;
  double error = 0;
  double signal = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    const double difference = static_cast<double>(original[i]) - decoded[i];
    max = std::max(max, std::fabs(difference));
    error += difference * difference;
    signal += static_cast<double>(original[i]) * original[i];
  }
  EXPECT_EQ(stats->max_abs_error(), max);
  EXPECT_NEAR(stats->rmse(), std::sqrt(error / static_cast<double>(original.size())), 1e-12);
  EXPECT_NEAR(stats->snr_db(), 10 * std::log10(signal / error), 1e-9);
}

TEST(ErrorStats, WithoutErrorTheRatioIsInfinite) {
  const auto stats = std::make_shared<ErrorStats>();
  (void)test::contents(quantize(Tensor::zeros(Dtype::F32, {8, 32}), 8, 32, {"values", stats}).weights);
  EXPECT_EQ(stats->max_abs_error(), 0.0);
  EXPECT_EQ(stats->snr_db(), std::numeric_limits<double>::infinity());
}

TEST(ErrorStats, DoNotDependOnTheOrderOfTheTiles) {
  std::vector<double> tiles;
  for (int i = 0; i < 1000; ++i) tiles.push_back(std::ldexp(1.0 / (3 + i), i % 60 - 30));
  ErrorStats forward;
  ErrorStats backward;
  for (const double tile : tiles) forward.add(0, tile, 1, 1);
  std::reverse(tiles.begin(), tiles.end());
  for (const double tile : tiles) backward.add(0, tile, 1, 1);
  EXPECT_EQ(forward.rmse(), backward.rmse());
}

TEST(ErrorStats, MayBeAddedToFromManyThreads) {
  ErrorStats stats;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) stats.add(0.5, 0.25, 1, 1);
      });
  }
  EXPECT_EQ(stats.rmse(), 0.5);
}

}  // namespace
