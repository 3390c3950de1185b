// Classes that are looked at and passed on: TurboQuantKVCache, VarianceNormalizedKVCache, and layers that could not be decoded.
#include <gtest/gtest.h>

#include "kvcache/caches.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::error_of;
using Form = TurboQuantKVCache::Form;

Tensor floats(Shape shape) {
  return Tensor::zeros(Dtype::F16, std::move(shape));
}
Tensor codes(Shape shape) {
  return Tensor::zeros(Dtype::U32, std::move(shape));
}
Tensor norms(Shape shape) {
  return Tensor::zeros(Dtype::F32, std::move(shape));
}

TEST(TurboQuantKVCache, KnowsItsFormsByTheirArrays) {
  const auto form = [](std::vector<Tensor> arrays, std::int64_t key_bits) {
    return TurboQuantKVCache::form_of(arrays, key_bits);
  };
  const Tensor f = floats({1, 2, 3, 64});
  const Tensor w = codes({1, 2, 3, 8});
  const Tensor n = norms({1, 2, 3});
  EXPECT_EQ(form({f, f}, 4), Form::plain);
  EXPECT_EQ(form({f, w, n}, 0), Form::raw_keys);
  EXPECT_EQ(form({w, f, f, w, n}, 8), Form::affine_keys);
  EXPECT_EQ(form({w, n, w, n}, 4), Form::symmetric);
  EXPECT_EQ(form({w, n, w, n, norms({64})}, 4), Form::symmetric);
  EXPECT_EQ(form({f, w, n}, 4), std::nullopt);
  EXPECT_EQ(form({w, w}, 0), std::nullopt);
  EXPECT_EQ(form({}, 0), std::nullopt);
}

TEST(TurboQuantKVCache, TrimsRowsButNotItsCalibration) {
  TurboQuantKVCache::State state;
  state.form = Form::symmetric;
  state.arrays = {codes({1, 2, 5, 8}), norms({1, 2, 5}), codes({1, 2, 5, 8}), norms({1, 2, 5}), norms({64})};
  state.offset = 5;
  state.key_bits = 4;
  TurboQuantKVCache cache(state);
  EXPECT_EQ(cache.facts().key_dim, 64);
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_EQ(cache.state().arrays[1].shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(cache.state().arrays[4].shape(), (Shape{64}));
  EXPECT_EQ(cache.size(), 3);
  EXPECT_EQ(error_of([&] { test::append(cache, test::Tokens{1}); })->kind(), ErrorKind::impossible);
}

TEST(TurboQuantKVCache, RefusesAnOffsetBeyondItsRows) {
  TurboQuantKVCache::State state;
  state.arrays = {floats({1, 2, 5, 8}), floats({1, 2, 5, 8})};
  state.offset = 6;
  TurboQuantKVCache cache(state);
  EXPECT_EQ(error_of([&] { cache.trim(2); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(cache.size(), 6);
}

VarianceNormalizedKVCache tiles(std::int64_t count, std::int64_t tail) {
  VarianceNormalizedKVCache::State state;
  for (std::int64_t i = 0; i < count; ++i) {
    for (int half = 0; half < 2; ++half) {
      state.arrays.push_back(codes({1, 2, 32, 4}));
      for (int k = 0; k < 3; ++k) state.arrays.push_back(floats({1, 2, 32, 1}));
    }
  }
  for (int i = 0; i < 2 && tail > 0; ++i) state.arrays.push_back(floats({1, 2, tail, 64}));
  state.tile_size = 32;
  state.tile_count = count;
  state.tail_length = tail;
  state.offset = 32 * count + tail;
  return VarianceNormalizedKVCache(std::move(state));
}

TEST(VarianceNormalizedKVCache, CountsTheArraysOfTilesAndTail) {
  EXPECT_TRUE(VarianceNormalizedKVCache::fits(18, 2, 5));
  EXPECT_TRUE(VarianceNormalizedKVCache::fits(22, 2, 5)) << "with row scales";
  EXPECT_TRUE(VarianceNormalizedKVCache::fits(16, 2, 0));
  EXPECT_TRUE(VarianceNormalizedKVCache::fits(0, 0, 0));
  EXPECT_FALSE(VarianceNormalizedKVCache::fits(16, 2, 5));
  EXPECT_FALSE(VarianceNormalizedKVCache::fits(7, 1, 0));
  EXPECT_FALSE(VarianceNormalizedKVCache::fits(0, -1, 0));
  EXPECT_FALSE(VarianceNormalizedKVCache::fits(8, std::int64_t{1} << 31, 0));
}

TEST(VarianceNormalizedKVCache, IsTrimmedInItsTailOnly) {
  VarianceNormalizedKVCache cache = tiles(2, 5);
  EXPECT_TRUE(cache.trimmable());
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_EQ(cache.state().arrays.back().shape(), (Shape{1, 2, 3, 64}));
  EXPECT_EQ(cache.size(), 67);
  EXPECT_EQ(error_of([&] { cache.trim(4); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(cache.size(), 67);
  EXPECT_EQ(cache.trim(3), 3);
  EXPECT_EQ(cache.state().arrays.size(), 16U) << "without the tail";
  EXPECT_EQ(cache.parts().back().name, "tile 1 value column scales");
  EXPECT_FALSE(cache.trimmable());
}

TEST(OpaqueCache, RefusesEverythingAndSaysWhy) {
  OpaqueCache cache(OpaqueCache::State{"FancyCache", {{"0.0", floats({2, 2})}}, "unknown class"});
  EXPECT_EQ(cache.nbytes(), 8U);
  EXPECT_EQ(cache.why_not_trimmable(), "it could not be decoded: unknown class");
  EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([&] { static_cast<void>(cache.make_mask(1, std::nullopt, false)); })->kind(), ErrorKind::impossible);
}

// A broken layer keeps the name of the class it was to be.
TEST(OpaqueCache, IsNotTakenForTheClassItNames) {
  const OpaqueCache broken(OpaqueCache::State{"BatchKVCache", {}, "1 array instead of 4"});
  BatchKVCache batch({0});
  EXPECT_TRUE(batch.mismatch(broken));
  EXPECT_EQ(error_of([&] { batch.extend(broken); })->kind(), ErrorKind::impossible);
}

}  // namespace
}  // namespace kvcache
