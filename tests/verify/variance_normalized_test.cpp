// Fields of a VarianceNormalizedKVCache against its arrays.
#include <gtest/gtest.h>

#include "support/places.h"

namespace {

using Tiled = kvcache::VarianceNormalizedKVCache;

Tiled::State tiles(std::int64_t count, std::int64_t tail) {
  Tiled::State state;
  for (std::int64_t i = 0; i < 8 * count; ++i) state.arrays.push_back(test::zeros({1, 2, 32, 4}));
  for (int i = 0; i < 2 && tail > 0; ++i) state.arrays.push_back(test::zeros({1, 2, tail, 64}));
  state.tile_size = 32;
  state.offset = 32 * count + tail;
  state.tile_count = count;
  state.tail_length = tail;
  return state;
}

std::string check(const Tiled::State& state) {
  return test::check<Tiled>(state);
}

TEST(VarianceNormalized, TilesAndTailMakeTheOffset) {
  EXPECT_EQ(check(tiles(2, 7)), "");
  EXPECT_EQ(check(tiles(2, 0)), "");
  EXPECT_EQ(check(tiles(0, 31)), "");
  Tiled::State state = tiles(2, 7);
  state.offset = 70;
  EXPECT_EQ(check(state), "KV482");
}

TEST(VarianceNormalized, ATailIsShorterThanATile) {
  EXPECT_EQ(check(tiles(1, 32)), "KV482");
  Tiled::State state = tiles(1, 0);
  state.tail_length = -1;
  EXPECT_EQ(check(state), "KV482");
}

TEST(VarianceNormalized, SizesOfTilesAreFew) {
  Tiled::State state = tiles(1, 0);
  state.tile_size = 16;
  state.offset = 16;
  EXPECT_EQ(check(state), "KV482");
}

TEST(VarianceNormalized, ATailHasARowForEachToken) {
  Tiled::State state = tiles(1, 7);
  state.arrays.back() = test::zeros({1, 2, 8, 64});
  EXPECT_EQ(check(state), "KV482");
}

}  // namespace
