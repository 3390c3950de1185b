// Comparing values does not depend on how they are cut into tiles, nor on the threads.
#include <gtest/gtest.h>

#include <cmath>

#include "kvcache/caches.h"
#include "kvcache/compare.h"
#include "support/sample.h"

namespace {

using namespace kvcache;

PromptCache one_layer(const Tensor& keys) {
  PromptCache cache;
  cache.layers.push_back(std::make_unique<KVCache>(KVCache::State{keys, test::ones(keys.shape()), "KVCache"}));
  return cache;
}

TEST(Compare, ARowMayBeWiderThanATile) {
  const std::int64_t width = 200'000;
  const Tensor a = test::ones({1, 1, 3, width});
  // 1.5 in place of 1: at the end of the second row, and on both sides of where a tile ends.
  const Tensor b = test::with<std::uint16_t>(a, {{2 * width - 1, 0x3E00}, {(5 << 16) - 1, 0x3E00}, {5 << 16, 0x3E00}});
  for (const unsigned threads : {1U, 3U}) {
    CompareOptions options;
    options.threads = threads;
    const Comparison out = compare(one_layer(a), one_layer(b), options);
    const ValueDifference& keys = out.layers[0].values[0];
    EXPECT_EQ(keys.elements, 600'000U);
    EXPECT_EQ(keys.differing, 3U);
    EXPECT_EQ(keys.first_token, 1);
    EXPECT_EQ(keys.max_abs_error, 0.5);
    EXPECT_EQ(keys.profile.size(), 3U);
    EXPECT_EQ(keys.profile[0], 0.0);
    EXPECT_DOUBLE_EQ(keys.profile[1], std::sqrt(0.75 / 200'000));
    EXPECT_DOUBLE_EQ(keys.rms_error, std::sqrt(0.75 / 600'000));
    EXPECT_EQ(out.layers[0].values[1].differing, 0U);
  }
}

// One head of dimension 1: row r of sequence b is element b * rows + r.
PromptCache plain_batch(const Tensor& keys, const Int32s& left_padding) {
  const auto rows = static_cast<std::int32_t>(keys.dim(2));
  Int32s offset;
  for (const std::int32_t padding : left_padding) offset.push_back(rows - padding);
  PromptCache cache;
  cache.layers.push_back(std::make_unique<BatchKVCache>(BatchKVCache::State{keys, keys, offset, left_padding}));
  return cache;
}

PromptCache windows(const Tensor& keys, const Int32s& offset, const Int32s& left_padding, std::int64_t idx, bool rotated) {
  BatchRotatingKVCache::State state;
  state.keys = state.values = keys;
  state.offset = offset;
  state.left_padding = left_padding;
  state.max_size = 4;
  state.total = 6;
  state.idx = idx;
  state.rotated = rotated;
  PromptCache cache;
  cache.layers.push_back(std::make_unique<BatchRotatingKVCache>(std::move(state)));
  return cache;
}

TEST(Compare, LeftPaddingHasNoValues) {
  const Tensor ones = test::ones({2, 1, 4, 1});
  const Tensor garbage = test::with<std::uint16_t>(ones, {{4, 0x3E00}, {5, 0x7E00}});
  const Comparison out = compare(plain_batch(ones, {0, 2}), plain_batch(garbage, {0, 2}));
  EXPECT_TRUE(out.equal());
  EXPECT_EQ(out.layers[0].values[0].elements, 6U);
  // Nor does it matter how much of it there is.
  EXPECT_TRUE(compare(plain_batch(ones, {0, 2}), plain_batch(test::ones({2, 1, 5, 1}), {1, 3})).equal());
  // Where the same rows are one token more, one token is not in both.
  EXPECT_FALSE(compare(plain_batch(ones, {0, 2}), plain_batch(ones, {0, 1})).equal());
  EXPECT_FALSE(compare(plain_batch(ones, {0, 2}), plain_batch(test::ones({3, 1, 4, 1}), {0, 2, 2})).equal());
}

TEST(Compare, TheFirstTokenOfABatchIsOfASequence) {
  const Tensor ones = test::ones({3, 1, 4, 1});
  // Rows 3, 3 and 2 of sequences with 0, 1 and 0 rows of padding: tokens 3, 2 and 2.
  const Tensor changed = test::with<std::uint16_t>(ones, {{3, 0x3E00}, {7, 0x3E00}, {10, 0x3E00}});
  const Comparison out = compare(plain_batch(ones, {0, 1, 0}), plain_batch(changed, {0, 1, 0}));
  const ValueDifference& keys = out.layers[0].values[0];
  EXPECT_EQ(keys.part, "keys");
  EXPECT_EQ(keys.elements, 11U);
  EXPECT_EQ(keys.differing, 3U);
  EXPECT_EQ(keys.first_token, 2);
  EXPECT_EQ(keys.sequence, 1);
  // By token, over all sequences: of token 2 three values, of token 3 two.
  ASSERT_EQ(keys.profile.size(), 4U);
  EXPECT_EQ(keys.profile[1], 0.0);
  EXPECT_DOUBLE_EQ(keys.profile[2], std::sqrt(2 * 0.25 / 3));
  EXPECT_DOUBLE_EQ(keys.profile[3], std::sqrt(0.25 / 2));

  const Comparison one = compare(plain_batch(test::ones({1, 1, 4, 1}), {1}),
                                 plain_batch(test::with<std::uint16_t>(test::ones({1, 1, 4, 1}), {{2, 0x3E00}}), {1}));
  EXPECT_EQ(one.layers[0].values[0].first_token, 1);
  EXPECT_FALSE(one.layers[0].values[0].sequence);
}

TEST(Compare, BatchedWindowsAreInTemporalOrder) {
  const Tensor ones = test::ones({2, 1, 4, 1});
  // The newest row of sequence 1 and its padding: once the ring starts at row 2, once at row 0.
  const Tensor rotated = test::with<std::uint16_t>(ones, {{4 + 1, 0x3E00}, {4 + 2, 0x7E00}});
  const Tensor ordered = test::with<std::uint16_t>(ones, {{4 + 3, 0x3E00}});
  EXPECT_TRUE(compare(windows(rotated, {6, 3}, {-2, 1}, 2, true), windows(ordered, {6, 3}, {-2, 1}, 4, false)).equal());
  const Comparison out = compare(windows(rotated, {6, 3}, {-2, 1}, 2, true), windows(ones, {6, 3}, {-2, 1}, 4, false));
  EXPECT_EQ(out.layers[0].values[0].differing, 1U);
  EXPECT_EQ(out.layers[0].values[0].first_token, 2);
  EXPECT_EQ(out.layers[0].values[0].sequence, 1);
}

TEST(Compare, AWindowThatLacksTokensDiffers) {
  const Tensor ones = test::ones({2, 1, 4, 1});
  EXPECT_FALSE(compare(windows(ones, {6, 6}, {-2, -2}, 4, false), windows(ones, {6, 6}, {-2, 1}, 4, false)).equal());
  EXPECT_TRUE(compare(windows(ones, {6, 6}, {-2, 0}, 4, false), windows(ones, {6, 6}, {0, -2}, 4, false)).equal());
}

}  // namespace
