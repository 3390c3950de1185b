#include "kvcache/cache/quantized_kv_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::bytes_of;
using test::error_of;

constexpr std::int64_t dim = 64;

// F32 [1, 2, rows, dim] with values that depend on `seed`.
Tensor floats(std::int64_t rows, int seed, Dtype dtype = Dtype::F32) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < 2 * rows * dim; ++i) values.push_back(std::sin(static_cast<float>(i + 1000 * seed)));
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return cast(Tensor::of_bytes(Dtype::F32, {1, 2, rows, dim}, std::move(bytes)), dtype, {.label = "test", .stats = nullptr});
}

QuantizedKVCache quantized(std::int64_t rows, std::int64_t bits = 4) {
  QuantizedKVCache cache(32, bits);
  cache.update(floats(rows, 1), floats(rows, 2));
  return cache;
}

TEST(QuantizedKVCache, QuantizesWhatItIsGiven) {
  const QuantizedKVCache cache = quantized(3);
  EXPECT_EQ(cache.size(), 3);
  EXPECT_EQ(cache.state().keys.weights.shape(), (Shape{1, 2, 3, 8}));
  EXPECT_EQ(cache.state().values.scales.shape(), (Shape{1, 2, 3, 2}));
  const Quantized expected = quantize(floats(3, 1), 4, 32);
  EXPECT_EQ(bytes_of(cache.state().keys.weights), bytes_of(expected.weights));
  EXPECT_EQ(bytes_of(cache.state().keys.biases), bytes_of(expected.biases));
  EXPECT_EQ(bytes_of(cache.decoded_values()), bytes_of(dequantize(quantize(floats(3, 2), 4, 32), 4, 32, Dtype::F32)));
}

TEST(QuantizedKVCache, DescribesTheArraysItStandsFor) {
  const Facts facts = quantized(3).facts();
  EXPECT_EQ(facts.tokens, 3);
  EXPECT_EQ(facts.key_dim, dim);
  EXPECT_EQ(facts.value_dim, dim);
  EXPECT_EQ(facts.dtype, Dtype::F32);
  EXPECT_EQ(facts.bits, 4);
  EXPECT_EQ(facts.group_size, 32);
  EXPECT_EQ(facts.bytes, 2U * 6U * (8U * 4U + 2U * 4U + 2U * 4U));
}

TEST(QuantizedKVCache, RefusesRowsOfAnotherKind) {
  QuantizedKVCache cache = quantized(2);
  const auto error = error_of([&] { cache.update(floats(1, 3, Dtype::F16), floats(1, 3, Dtype::F16)); });
  EXPECT_NE(std::string(error->what()).find("key dtypes F32 and F16"), std::string::npos) << error->what();
  const Tensor narrow = Tensor::zeros(Dtype::F32, {1, 2, 1, 32});
  EXPECT_NE(std::string(error_of([&] { cache.update(narrow, narrow); })->what()).find("key head dims 64 and 32"),
            std::string::npos);
  EXPECT_EQ(cache.size(), 2);
}

TEST(QuantizedKVCache, ShowsNoRowsBehindItsOffsetButDropsNone) {
  QuantizedKVCache::State state = quantized(5).state();
  state.offset = 3;
  QuantizedKVCache cache(state);
  EXPECT_EQ(cache.decoded_keys().dim(2), 3);
  EXPECT_EQ(cache.facts().padding_bytes, cache.nbytes() / 5 * 2);
  EXPECT_EQ(cache.trim(0), 0);
  const auto lost = error_of([&] { cache.update(floats(1, 9), floats(1, 9)); });
  EXPECT_STREQ(lost->what(), "it has 5 rows but offset 3: the last 2 would be lost");
  EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([&] { cache.trim_to(4); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(cache.state().keys.weights.dim(2), 5);
  // The first tokens are the first rows, whatever the offset should have been.
  EXPECT_EQ(cache.trim_to(2), 1);
  EXPECT_EQ(cache.state().keys.weights.dim(2), 2);
}

TEST(QuantizedKVCache, RefusesToWorkWithContradictions) {
  QuantizedKVCache::State state = quantized(2).state();
  state.offset = 3;
  QuantizedKVCache cache(state);
  EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([&] { cache.update(floats(1, 3), floats(1, 3)); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([] { QuantizedKVCache(33, 4); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([] { QuantizedKVCache(32, 7); })->kind(), ErrorKind::usage);
}

TEST(QuantizedKVCache, CarriesModesWithoutBiasesButAddsNothingToThem) {
  QuantizedKVCache::State state = quantized(2).state();
  state.keys.biases = {};
  state.values.biases = {};
  QuantizedKVCache cache(state);
  EXPECT_EQ(cache.parts().size(), 4U);
  EXPECT_EQ(cache.trim(1), 1);
  EXPECT_EQ(error_of([&] { cache.update(floats(1, 3), floats(1, 3)); })->kind(), ErrorKind::impossible);
}

RC_GTEST_PROP(QuantizedKVCacheProperty, TrimUndoesAppend, ()) {
  const auto bits = *rc::gen::element<std::int64_t>(2, 3, 4, 5, 6, 8);
  QuantizedKVCache cache = quantized(*rc::gen::inRange<std::int64_t>(1, 5), bits);
  const QuantizedKVCache before = cache;
  const auto more = *rc::gen::inRange<std::int64_t>(1, 4);
  cache.update(floats(more, 3), floats(more, 4));
  RC_ASSERT(cache.size() == before.size() + more);
  RC_ASSERT(cache.trim(more) == more);
  const auto parts = cache.parts();
  const auto wanted = before.parts();
  RC_ASSERT(parts.size() == wanted.size());
  for (std::size_t i = 0; i < parts.size(); ++i) RC_ASSERT(bytes_of(parts[i].tensor) == bytes_of(wanted[i].tensor));
}

}  // namespace
}  // namespace kvcache
