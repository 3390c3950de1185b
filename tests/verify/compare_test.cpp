// Comparing values does not depend on how they are cut into tiles, nor on the threads.
#include <gtest/gtest.h>

#include <cmath>

#include "kvcache/caches.h"
#include "kvcache/compare.h"
#include "sample.h"

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

}  // namespace
