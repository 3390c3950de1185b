// KV6xx: what only the data tell.
#include <gtest/gtest.h>

#include "kvcache/verify.h"
#include "support/errors.h"
#include "support/sample.h"
#include "verify/scan_kernels.h"

namespace {

using kvcache::Dtype;
using kvcache::Shape;
using kvcache::Tensor;
using test::ones;
using test::Sample;
using test::with;
using test::with_data;

using F16 = std::uint16_t;
using F32 = std::uint32_t;
constexpr F16 nan_f16 = 0x7E01, infinity_f16 = 0x7C00, largest_f16 = 0x7BFF, minus_infinity_bf16 = 0xFF80, nan_bf16 = 0xFFC0;
constexpr F32 signalling_nan = 0x7F800001, largest_f32 = 0x7F7FFFFF;

std::string codes_for_keys(const Tensor& keys) {
  return Sample().layer("KVCache", {""}, {{"0", keys}, {"1", ones(keys.shape(), keys.dtype())}}).data_codes();
}

TEST(Data, NotReadUnlessAskedFor) {
  const auto keys = with<F16>(ones({1, 2, 6, 8}), {{3, nan_f16}});
  EXPECT_EQ(Sample().layer("KVCache", {""}, {{"0", keys}, {"1", ones({1, 2, 6, 8})}}).codes(), "");
}

TEST(Data, NanAndInfinityInEveryDtype) {
  const Shape shape{1, 2, 6, 8};
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape), {{5, nan_f16}})), "KV601");
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape), {{5, infinity_f16}})), "KV602");
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape), {{5, nan_f16}, {6, infinity_f16}})), "KV601 KV602");
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape), {{5, largest_f16}})), "");
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape, Dtype::BF16), {{5, nan_bf16}})), "KV601");
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape, Dtype::BF16), {{5, minus_infinity_bf16}})), "KV602");
  EXPECT_EQ(codes_for_keys(with<F16>(ones(shape, Dtype::BF16), {{5, infinity_f16}})), "") << "an ordinary BF16";
  EXPECT_EQ(codes_for_keys(with<F32>(ones(shape, Dtype::F32), {{5, signalling_nan}})), "KV601");
  EXPECT_EQ(codes_for_keys(with<F32>(ones(shape, Dtype::F32), {{5, largest_f32}})), "");
}

TEST(Data, OneFindingPerTensorWithCountAndFirstPosition) {
  // [1, 2, 6, 8]: head 1, row 2 begins at element 64.
  const auto keys = with<F16>(ones({1, 2, 6, 8}), {{67, nan_f16}, {80, nan_f16}, {95, nan_f16}});
  Sample sample;
  sample.kv().layer("KVCache", {""}, {{"0", keys}, {"1", ones({1, 2, 6, 8})}});
  const auto findings = sample.verify(with_data()).findings;
  ASSERT_EQ(test::codes_of(findings), "KV601");
  EXPECT_EQ(findings[0].where.text(), "layer 1");
  EXPECT_EQ(findings[0].key, "1.0");
  EXPECT_EQ(findings[0].message, "keys: 3 NaN, first at sequence 0, head 1, row 2: it spreads to every later token");
}

TEST(Data, FoundInEveryTileOnAnyNumberOfThreads) {
  // 1.5 MiB of keys: several tiles.
  const Shape shape{1, 2, 3072, 128};
  const std::size_t count = std::size_t{2} * 3072 * 128;
  const auto keys = with<F16>(ones(shape), {{count / 2, nan_f16}, {count - 1, nan_f16}});
  Sample sample;
  sample.layer("KVCache", {""}, {{"0", keys}, {"1", ones(shape)}});
  for (const unsigned threads : {1U, 3U}) {
    const auto findings = sample.verify(with_data(threads)).findings;
    ASSERT_EQ(test::codes_of(findings), "KV601") << threads;
    EXPECT_EQ(findings[0].message, "keys: 2 NaN, first at sequence 0, head 1, row 0: it spreads to every later token");
  }
}

TEST(Data, RecurrentStateMayStartAtInfinity) {
  const auto slot = ones({1, 3, 4});
  EXPECT_EQ(Sample().layer("ArraysCache", {""}, {{"0", with<F16>(slot, {{2, infinity_f16}})}, {"1", slot}}).data_codes(),
            "KV603");
  EXPECT_EQ(Sample().layer("ArraysCache", {""}, {{"0", with<F16>(slot, {{2, nan_f16}})}, {"1", slot}}).data_codes(), "KV601");
}

std::string quantized_codes(const std::vector<std::pair<std::size_t, F32>>& scales,
                            const std::vector<std::pair<std::size_t, F32>>& biases) {
  constexpr F32 minus_one = 0xBF800000;
  std::vector<std::pair<std::size_t, F32>> negative;
  for (std::size_t i = 0; i < 24; ++i) negative.emplace_back(i, minus_one);
  const Tensor one = ones({1, 2, 6, 2}, Dtype::F32);
  const Tensor s = with<F32>(one, negative);  // what MLX writes beside positive biases
  const Tensor codes = Tensor::zeros(Dtype::U32, {1, 2, 6, 8});
  Sample sample;
  sample.layer("QuantizedKVCache", {"6", "32", "4"},
               {{"0.0", codes},
                {"0.1", with<F32>(s, scales)},
                {"0.2", with<F32>(one, biases)},
                {"1.0", codes},
                {"1.1", s},
                {"1.2", one}});
  return sample.data_codes();
}

TEST(Data, ScalesAndBiases) {
  constexpr F32 one = 0x3F800000, zero = 0, infinity = 0x7F800000;
  EXPECT_EQ(quantized_codes({}, {}), "");
  EXPECT_EQ(quantized_codes({{7, one}}, {}), "KV604") << "scale and bias above 0";
  EXPECT_EQ(quantized_codes({{7, one}}, {{7, zero}}), "") << "a bias of 0 is not above 0";
  EXPECT_EQ(quantized_codes({{7, signalling_nan}}, {}), "KV601");
  EXPECT_EQ(quantized_codes({}, {{7, infinity}}), "KV602");
}

// One group of 32 4-bit codes at sequence 0, head 0, row 3, in float16.
std::string codes_of_group(F16 scale, F16 bias, F32 word) {
  const Tensor scales = ones({1, 2, 6, 2});
  const Tensor codes = Tensor::zeros(Dtype::U32, {1, 2, 6, 8});
  std::vector<std::pair<std::size_t, F16>> negative;
  for (std::size_t i = 0; i < 24; ++i) negative.emplace_back(i, F16{0xBC00});
  const Tensor s = with<F16>(scales, negative);
  Sample sample;
  sample.layer("QuantizedKVCache", {"6", "32", "4"},
               {{"0.0", codes},
                {"0.1", s},
                {"0.2", scales},
                {"1.0", with<F32>(codes, {{28, word}, {29, word}, {30, word}, {31, word}})},
                {"1.1", with<F16>(s, {{7, scale}})},
                {"1.2", with<F16>(scales, {{7, bias}})}});
  return sample.data_codes();
}

// 15 x 4368 is 65520, which is infinite in float16.
TEST(Data, CodesThatDecodeToInfinity) {
  constexpr F32 top_codes = 0xFFFFFFFF, lower_codes = 0xEEEEEEEE;
  EXPECT_EQ(codes_of_group(0xEC44, largest_f16, top_codes), "KV606");
  EXPECT_EQ(codes_of_group(0xEC43, largest_f16, top_codes), "") << "one step less";
  EXPECT_EQ(codes_of_group(0xEC44, largest_f16, lower_codes), "") << "no code is 15";
  EXPECT_EQ(codes_of_group(0x6C00, 0x6C00, top_codes), "KV604 KV606") << "the sum, of signs that nobody writes";
  EXPECT_EQ(codes_of_group(infinity_f16, 0xBC00, top_codes), "KV602") << "a defect of its own";
}

// `zero_rows` rows of zeros at the end of each head.
Tensor with_tail(std::int64_t rows, std::int64_t zero_rows) {
  return ones({1, 2, rows - zero_rows, 8}).pad(2, 0, zero_rows);
}

TEST(Data, ZeroRowsAtTheEnd) {
  const auto check = [](const Tensor& keys, const Tensor& values) {
    return Sample().layer("KVCache", {""}, {{"0", keys}, {"1", values}}).data_codes();
  };
  EXPECT_EQ(check(with_tail(6, 2), with_tail(6, 2)), "KV605");
  EXPECT_EQ(check(with_tail(6, 2), with_tail(6, 0)), "") << "zero keys alone are no padding";
  EXPECT_EQ(check(with<F16>(with_tail(6, 2), {{95, 1}}), with_tail(6, 2)), "") << "not in every head";
  EXPECT_EQ(check(with<F16>(with_tail(6, 2), {{95, 0x8000}}), with_tail(6, 2)), "KV605") << "minus zero is zero";
}

TEST(Data, ZeroRowsAreCounted) {
  Sample sample;
  sample.layer("KVCache", {""}, {{"0", with_tail(300, 44)}, {"1", with_tail(300, 50)}});
  const auto findings = sample.verify(with_data()).findings;
  ASSERT_EQ(test::codes_of(findings), "KV605");
  EXPECT_NE(findings[0].message.find("last 44 of 300 rows"), std::string::npos) << findings[0].message;
}

TEST(Data, ZeroRowsThatBelongThere) {
  // A chunked layer after a front trim is padded up to its offset.
  EXPECT_EQ(Sample().kv(8).layer("ChunkedKVCache", {"4", "3"}, {{"0", with_tail(8, 3)}, {"1", with_tail(8, 3)}}).data_codes(),
            "");
  // A sequence that is all left padding.
  const std::vector<std::int32_t> offset{0};
  const std::vector<std::int32_t> padding{6};
  Sample batch;
  batch.layer("BatchKVCache", {""},
              {{"0", with_tail(6, 6)}, {"1", with_tail(6, 6)}, {"2", Tensor::of_i32(offset)}, {"3", Tensor::of_i32(padding)}});
  EXPECT_EQ(batch.data_codes(), "");
}

TEST(Data, BrokenLayersAreScannedForNan) {
  Sample sample;
  sample.layer("NoSuchCache", {""}, {{"0", with<F16>(ones({1, 2, 6, 8}), {{5, nan_f16}, {6, infinity_f16}})}});
  EXPECT_EQ(sample.data_codes(), "KV301 KV601");
}

TEST(Data, ProgressEndsAtTheTotal) {
  Sample sample;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  auto options = with_data();
  options.progress = [&](std::uint64_t done, std::uint64_t all) {
    last = done;
    total = all;
  };
  (void)sample.kv().verify(options);
  EXPECT_EQ(last, 2U * 2 * 6 * 8 * 2);
  EXPECT_EQ(total, last);
}

TEST(Data, StopsWhenAskedTo) {
  Sample sample;
  const std::string path = sample.kv().write();
  kvcache::stop_requested() = 2;
  const auto error = test::error_of([&] { (void)kvcache::verify_file(path, with_data()); });
  kvcache::stop_requested() = 0;
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), kvcache::ErrorKind::interrupted);
}

// Blocks and what is left behind them: 1 to 100 elements, the odd one at every place.
TEST(ScanKernels, FindsTheOddOneWhereverItIs) {
  for (std::size_t count = 1; count <= 100; ++count) {
    std::vector<std::uint16_t> words(count, largest_f16);
    ASSERT_FALSE(kvcache::detail::any_non_finite(Dtype::F16, std::as_bytes(std::span(words))));
    for (std::uint16_t& word : words) {
      word = infinity_f16;
      ASSERT_TRUE(kvcache::detail::any_non_finite(Dtype::F16, std::as_bytes(std::span(words)))) << count;
      word = largest_f16;
    }
  }
}

// The fast question must agree with the count for every bit pattern.
TEST(ScanKernels, FastAndExactAgreeOnAll16BitPatterns) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16}) {
    for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
      const auto word = static_cast<std::uint16_t>(bits);
      const auto bytes = std::as_bytes(std::span(&word, 1));
      kvcache::detail::Hits nan, infinity;
      kvcache::detail::count_non_finite(dtype, bytes, 0, nan, infinity);
      ASSERT_EQ(kvcache::detail::any_non_finite(dtype, bytes), nan.count + infinity.count > 0) << bits;
      const float value = dtype == Dtype::F16 ? kvcache::f16_to_f32(word) : kvcache::bf16_to_f32(word);
      ASSERT_EQ(nan.count > 0, value != value) << bits;
    }
  }
}

}  // namespace
