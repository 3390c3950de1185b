// statistics() against sums over everything, one value at a time, and what does not count.
#include "kvcache/stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kvcache/caches.h"
#include "kvcache/generate.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"
#include "support/sample.h"

namespace kvcache {
namespace {

std::vector<float> floats_of(const Tensor& tensor) {
  std::vector<float> out(tensor.elements());
  cast(tensor, Dtype::F32).read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

Tensor of_floats(Shape shape, const std::vector<float>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return Tensor::of_bytes(Dtype::F32, std::move(shape), {bytes.begin(), bytes.end()});
}

Tensor random_values(Dtype dtype, Shape shape, std::uint64_t stream = 1) {
  return random_tensor(dtype, std::move(shape), 7, stream);
}

/// Statistics of a cache of this one layer.
template <typename Class>
CacheStats stats_of(Class layer, StatsOptions options = {}) {
  PromptCache cache;
  cache.layers.push_back(std::make_unique<Class>(std::move(layer)));
  return statistics(cache, options);
}

void expect_stats(const ArrayStats& stats, const std::vector<float>& values) {
  ASSERT_EQ(stats.why_not, "");
  ASSERT_EQ(stats.count, values.size());
  double sum = 0, low = INFINITY, high = -INFINITY;
  std::uint64_t zeros = 0;
  for (const float value : values) {
    sum += value;
    low = std::min<double>(low, value);
    high = std::max<double>(high, value);
    zeros += value == 0 ? 1 : 0;
  }
  const double mean = sum / static_cast<double>(values.size());
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  EXPECT_EQ(stats.min, low);
  EXPECT_EQ(stats.max, high);
  EXPECT_EQ(stats.zeros, zeros);
  EXPECT_NEAR(stats.mean, mean, 1e-12);
  EXPECT_NEAR(stats.deviation, std::sqrt(squares / static_cast<double>(values.size())), 1e-12);
  std::uint64_t binned = stats.histogram.below + stats.histogram.above;
  for (const std::uint64_t n : stats.histogram.counts) binned += n;
  EXPECT_EQ(binned, values.size());
  EXPECT_LE(stats.histogram.low, mean);
  EXPECT_GE(stats.histogram.high, mean);
}

TEST(Stats, PlainLayersOfEveryDtypeAndShape) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    for (const Shape& shape : {Shape{1, 2, 6, 8}, Shape{2, 3, 50, 80}, Shape{1, 1, 3000, 128}, Shape{1, 2, 1, 200'000}}) {
      SCOPED_TRACE(to_string(shape));
      const KVCache layer(KVCache::State{random_values(dtype, shape), random_values(dtype, shape, 2)});
      const CacheStats stats = stats_of(layer);
      ASSERT_EQ(stats.layers.at(0).arrays.size(), 2U);
      EXPECT_EQ(stats.layers[0].arrays[0].part, "keys");
      expect_stats(stats.layers[0].arrays[0], floats_of(layer.state().keys));
      expect_stats(stats.layers[0].arrays[1], floats_of(layer.state().values));
    }
  }
}

TEST(Stats, TheSameOnAnyNumberOfThreads) {
  // 12 MiB in three tasks of one head, beside many small heads.
  PromptCache cache;
  cache.layers.push_back(std::make_unique<KVCache>(
      KVCache::State{random_values(Dtype::F16, {1, 1, 50'000, 128}), random_values(Dtype::F16, {1, 1, 50'000, 128}, 2)}));
  cache.layers.push_back(std::make_unique<KVCache>(
      KVCache::State{random_values(Dtype::BF16, {1, 100, 20, 64}), random_values(Dtype::BF16, {1, 100, 20, 64}, 2)}));
  const CacheStats one = statistics(cache, {.columns = 10, .threads = 1, .progress = {}});
  const CacheStats many = statistics(cache, {.columns = 10, .threads = 4, .progress = {}});
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t k = 0; k < 2; ++k) {
      const ArrayStats& a = one.layers[i].arrays[k];
      const ArrayStats& b = many.layers[i].arrays[k];
      EXPECT_EQ(a.mean, b.mean);
      EXPECT_EQ(a.deviation, b.deviation);
      EXPECT_EQ(a.histogram.counts, b.histogram.counts);
      EXPECT_EQ(a.norms, b.norms);
    }
  }
}

TEST(Stats, PaddingOfABatchDoesNotCount) {
  const float nan = std::nanf("");
  // Two sequences of 3 and 2 tokens, one head of one value: the padding of the second is poison.
  const Tensor keys = of_floats({2, 1, 3, 1}, {1, 2, 3, nan, 4, 5});
  const CacheStats stats = stats_of(BatchKVCache({keys, keys, {3, 2}, {0, 1}}), {.columns = 3, .threads = 1, .progress = {}});
  expect_stats(stats.layers[0].arrays.at(0), {1, 2, 3, 4, 5});
  // By token of each sequence: its first tokens stand together.
  const auto rms = [](double a, double b) { return std::optional(static_cast<float>(std::sqrt((a * a + b * b) / 2))); };
  EXPECT_EQ(stats.layers[0].arrays[0].norms, (std::vector<std::optional<float>>{rms(1, 4), rms(2, 5), 3.0F}));
}

TEST(Stats, PaddingOfARotatedBatchDoesNotCount) {
  const float nan = std::nanf("");
  // A ring of 4 whose newest row is row 0; of the second sequence the oldest row, row 1, is padding.
  const Tensor keys = of_floats({2, 1, 4, 1}, {5, 2, 3, 4, 8, nan, 6, 7});
  const CacheStats stats = stats_of(BatchRotatingKVCache({keys, keys, {5, 3}, {-1, 1}, 4, 5, 1, true}));
  expect_stats(stats.layers[0].arrays.at(0), {2, 3, 4, 5, 6, 7, 8});
}

TEST(Stats, RowsBeyondTheOffsetDoNotCount) {
  const float nan = std::nanf("");
  ChunkedKVCache::State state;
  state.keys = state.values = of_floats({1, 1, 4, 1}, {1, 2, nan, nan});
  state.chunk_size = 8;
  state.true_offset = 2;
  expect_stats(stats_of(ChunkedKVCache(state)).layers[0].arrays.at(0), {1, 2});
}

TEST(Stats, AWrappedWindowCountsEveryRowAtItsToken) {
  RotatingKVCache::State state;
  state.keys = state.values = of_floats({1, 1, 4, 1}, {1, 8, 6, 7});
  state.max_size = 4;
  state.keep = 1;
  state.offset = 8;
  state.idx = 2;
  const CacheStats stats = stats_of(RotatingKVCache(state), {.columns = 100, .threads = 1, .progress = {}});
  expect_stats(stats.layers[0].arrays.at(0), {1, 8, 6, 7});
  EXPECT_EQ(stats.end_token, 8);
  const auto none = std::nullopt;
  EXPECT_EQ(stats.layers[0].arrays[0].norms, (std::vector<std::optional<float>>{1, none, none, none, none, 6, 7, 8}));
}

TEST(Stats, QuantizedLayersCountByTheirDecodedValues) {
  PromptCache cache;
  cache.layers.push_back(std::make_unique<KVCache>(
      KVCache::State{random_values(Dtype::F16, {1, 2, 40, 64}), random_values(Dtype::F16, {1, 2, 40, 64}, 2)}));
  QuantizeRequest request;
  request.bits = 4;
  quantize_prompt_cache(cache, request);
  const auto& layer = dynamic_cast<const QuantizedKVCache&>(*cache.layers[0]);
  const CacheStats stats = statistics(cache);
  expect_stats(stats.layers[0].arrays.at(0), floats_of(layer.decoded_keys()));
  expect_stats(stats.layers[0].arrays.at(1), floats_of(layer.decoded_values()));
}

TEST(Stats, RecurrentStateAndWhatCannotBeCounted) {
  ArraysCache::State state;
  state.slots = {Tensor(), random_values(Dtype::F32, {1, 4, 70'000}), Tensor::of_i32(Int32s{1, 2})};
  const CacheStats stats = stats_of(ArraysCache(state), {.columns = 4, .threads = 2, .progress = {}});
  ASSERT_EQ(stats.layers[0].arrays.size(), 2U);
  EXPECT_EQ(stats.layers[0].arrays[0].part, "slot 1");
  expect_stats(stats.layers[0].arrays[0], floats_of(state.slots[1]));
  EXPECT_TRUE(stats.layers[0].arrays[0].norms.empty());
  EXPECT_EQ(stats.layers[0].arrays[1].why_not, "I32 values are not counted");
  EXPECT_TRUE(stats_of(KVCache()).layers[0].arrays.empty());
}

TEST(Stats, NanAndInfinityAreCountedApart) {
  const Tensor keys = of_floats({1, 1, 2, 4}, {1, 2, NAN, 3, INFINITY, -INFINITY, 0, -1});
  const ArrayStats stats = stats_of(KVCache(KVCache::State{keys, keys})).layers[0].arrays[0];
  EXPECT_EQ(stats.nan, 1U);
  EXPECT_EQ(stats.infinite, 2U);
  EXPECT_EQ(stats.finite(), 5U);
  EXPECT_EQ(stats.zeros, 1U);
  EXPECT_EQ(stats.min, -1);
  EXPECT_EQ(stats.max, 3);
  EXPECT_EQ(stats.mean, 1);
}

TEST(Stats, NamesChannelsThatStandOut) {
  std::vector<float> values;
  for (int head = 0; head < 2; ++head)
    for (int token = 0; token < 20; ++token)
      for (int d = 0; d < 16; ++d) values.push_back((token % 2 == 0 ? 1.0F : -1.0F) * (head == 1 && d == 5 ? 9.0F : 1.0F));
  const Tensor keys = of_floats({1, 2, 20, 16}, values);
  const ArrayStats stats = stats_of(KVCache(KVCache::State{keys, keys})).layers[0].arrays[0];
  EXPECT_EQ(stats.channels, 32);
  ASSERT_EQ(stats.outlier_channels, 1);
  EXPECT_EQ(stats.outliers[0].head, 1);
  EXPECT_EQ(stats.outliers[0].channel, 5);
  EXPECT_DOUBLE_EQ(stats.outliers[0].ratio, 9);
}

TEST(Stats, ExtremeValues) {
  // Constant, all zero, beyond the square of a float, subnormal.
  for (const float value : {3.5F, 0.0F, 3e38F, 1e-42F}) {
    const Tensor keys = of_floats({1, 1, 16, 2}, std::vector<float>(32, value));
    const ArrayStats stats = stats_of(KVCache(KVCache::State{keys, keys})).layers[0].arrays[0];
    EXPECT_EQ(stats.min, value);
    EXPECT_EQ(stats.mean, value);
    EXPECT_EQ(stats.deviation, 0);
    EXPECT_LT(stats.histogram.low, stats.histogram.high);
  }
}

TEST(Stats, ReportsProgressUpToTheEnd) {
  std::uint64_t last = 0, total = 0;
  StatsOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GT(done, last);
    last = done;
    total = all;
  };
  const Tensor keys = random_values(Dtype::F16, {1, 2, 4000, 128});
  static_cast<void>(stats_of(KVCache(KVCache::State{keys, keys}), options));
  EXPECT_EQ(last, 2 * keys.nbytes());
  EXPECT_EQ(total, last);
}

}  // namespace
}  // namespace kvcache
