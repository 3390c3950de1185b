#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kvcache/cache/chunked_kv_cache.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::append;
using test::count_from;
using test::error_of;
using test::Tokens;
using test::tokens_in;

// What every loader makes of the file that is written: rows and start_position only.
ChunkedKVCache reloaded(const ChunkedKVCache& cache) {
  ChunkedKVCache::State state = cache.repaired();
  state.true_offset.reset();
  return ChunkedKVCache(state);
}

Tokens valid_tokens(const ChunkedKVCache& cache) {
  Tokens tokens = tokens_in(cache.state());
  tokens.resize(static_cast<std::size_t>(cache.valid_rows()));
  return tokens;
}

TEST(ChunkedKVCache, DropsTheFrontBeforeAnUpdate) {
  ChunkedKVCache cache(4);
  append(cache, count_from(1, 7));
  EXPECT_EQ(cache.state().start_position, 0);
  append(cache, Tokens{8});
  EXPECT_EQ(cache.state().start_position, 3);
  EXPECT_EQ(valid_tokens(cache), (Tokens{4, 5, 6, 7, 8}));
  EXPECT_EQ(cache.offset(), 8);
}

TEST(ChunkedKVCache, IsWrittenSoThatEveryLoaderRestoresIt) {
  ChunkedKVCache cache(4);
  append(cache, count_from(1, 7));
  append(cache, Tokens{8});
  EXPECT_EQ(tokens_in(cache.repaired()), (Tokens{4, 5, 6, 7, 8, 0, 0, 0}));
  EXPECT_EQ(reloaded(cache).offset(), 8);
  EXPECT_EQ(valid_tokens(reloaded(cache)), valid_tokens(cache));
}

// What the reference writes: rows up to the absolute offset or the end of its buffer, so that loaders lose the offset.
TEST(ChunkedKVCache, TakesTheOffsetFromASiblingLayer) {
  const test::Rows rows = test::rows_of(Tokens{4, 5, 6, 7, 8, 0});
  ChunkedKVCache::State state{rows.keys, rows.values, 4, 3, std::nullopt};
  EXPECT_EQ(ChunkedKVCache(state).valid_rows(), 3);
  state.true_offset = 8;
  const ChunkedKVCache cache(state);
  EXPECT_EQ(valid_tokens(cache), (Tokens{4, 5, 6, 7, 8}));
  EXPECT_EQ(cache.facts().tokens, 8);
  EXPECT_EQ(cache.facts().padding_bytes, cache.nbytes() / 6);
  EXPECT_EQ(tokens_in(cache.repaired()), (Tokens{4, 5, 6, 7, 8, 0, 0, 0}));
}

TEST(ChunkedKVCache, LeavesSoundArraysAlone) {
  const test::Rows rows = test::rows_of(Tokens{4, 5, 6, 9, 9});
  const ChunkedKVCache cache(ChunkedKVCache::State{rows.keys, rows.values, 4, 2, std::nullopt});
  EXPECT_EQ(tokens_in(cache.repaired()), (Tokens{4, 5, 6, 9, 9}));
}

TEST(ChunkedKVCache, TrimsItsValidRowsOnly) {
  ChunkedKVCache cache(4);
  append(cache, count_from(1, 7));
  append(cache, Tokens{8});
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_EQ(valid_tokens(cache), (Tokens{4, 5, 6}));
  EXPECT_EQ(error_of([&] { cache.trim(9); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(valid_tokens(cache), (Tokens{4, 5, 6}));
  EXPECT_EQ(cache.trim_to(4), 2);
  EXPECT_EQ(valid_tokens(reloaded(cache)), (Tokens{4}));
}

// Chunks of 4, and tokens 1 to 3 are gone: behind 3 tokens the next one would look back to the first.
TEST(ChunkedKVCache, IsNotTrimmedIntoAChunkThatHasLostItsFront) {
  ChunkedKVCache cache(4);
  append(cache, count_from(1, 7));
  append(cache, Tokens{8});
  ASSERT_EQ(cache.state().start_position, 3);
  EXPECT_EQ(cache.why_not_trimmable_to(4), std::nullopt);
  const auto refusal = cache.why_not_trimmable_to(3);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->why,
            "behind 3 tokens the next one would look back to token 0, but the first 3 of 8 are gone from the chunk");
  EXPECT_EQ(refusal->remedy.text(), "4 tokens or more can stay: trim(to=4)");
  EXPECT_EQ(error_of([&] { cache.trim(5); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(cache.why_not_trimmable_by(0), std::nullopt);
}

TEST(ChunkedKVCache, WithoutAChunkSizeKeepsEverything) {
  ChunkedKVCache cache(ChunkedKVCache::State{});
  append(cache, count_from(1, 7));
  append(cache, Tokens{8});
  EXPECT_EQ(valid_tokens(cache), count_from(1, 8));
}

TEST(ChunkedKVCache, RefusesToWorkWithContradictions) {
  const test::Rows rows = test::rows_of(Tokens{1, 2, 3});
  for (const auto& [chunk, start, offset] : std::vector<std::tuple<int, int, std::optional<int>>>{
           {4, 5, std::nullopt}, {4, -1, std::nullopt}, {0, 0, std::nullopt}, {4, 2, 9}, {4, 4, 3}}) {
    ChunkedKVCache cache(ChunkedKVCache::State{rows.keys, rows.values, chunk, start, offset});
    EXPECT_EQ(error_of([&] { append(cache, Tokens{4}); })->kind(), ErrorKind::impossible);
    EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
    EXPECT_EQ(error_of([&] { static_cast<void>(cache.repaired()); })->kind(), ErrorKind::impossible);
  }
}

RC_GTEST_PROP(ChunkedKVCacheProperty, HoldsTheTokensFromItsStart, ()) {
  const auto chunk_size = *rc::gen::inRange<std::int64_t>(1, 7);
  ChunkedKVCache cache(chunk_size);
  int seen = 0;
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 10))) {
    const std::int64_t before = cache.valid_rows();
    if (step < 7) {
      append(cache, count_from(seen + 1, step + 1));
      seen += step + 1;
      RC_ASSERT(cache.valid_rows() == std::min(before, chunk_size) + step + 1);
    } else if (const std::int64_t left = std::max(0, seen - (step - 6)); cache.why_not_trimmable_by(step - 6)) {
      // What the next token would see is gone.
      RC_ASSERT(left / chunk_size * chunk_size < cache.state().start_position);
    } else {
      RC_ASSERT(left / chunk_size * chunk_size >= cache.state().start_position);
      seen -= static_cast<int>(cache.trim(step - 6));
    }
    RC_ASSERT(cache.offset() == seen);
    if (cache.empty()) continue;
    RC_ASSERT(valid_tokens(cache) == count_from(static_cast<int>(cache.state().start_position) + 1, cache.valid_rows()));
    RC_ASSERT(reloaded(cache).offset() == seen);
    RC_ASSERT(valid_tokens(reloaded(cache)) == valid_tokens(cache));
  }
}

// Tokens see their own chunk, whatever was dropped from the front.
RC_GTEST_PROP(ChunkedKVCacheProperty, MaskShowsTheTokensOfOneChunk, ()) {
  const auto chunk_size = *rc::gen::inRange<std::int64_t>(1, 7);
  ChunkedKVCache cache(chunk_size);
  int seen = 0;
  for (const auto count : *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 9))) {
    const Mask mask = cache.make_mask(count, std::nullopt, false);
    append(cache, count_from(seen + 1, count));
    const Tokens columns = valid_tokens(cache);
    const std::vector<bool> visible = test::booleans_in(mask.array);
    RC_ASSERT(visible.size() == columns.size() * static_cast<std::size_t>(count));
    for (std::int64_t query = 0; query < count; ++query) {
      const std::int64_t position = seen + query;
      for (std::size_t column = 0; column < columns.size(); ++column) {
        const std::int64_t other = columns[column] - 1;
        const bool wanted = other <= position && other / chunk_size == position / chunk_size;
        RC_ASSERT(visible[static_cast<std::size_t>(query) * columns.size() + column] == wanted);
      }
    }
    seen += static_cast<int>(count);
  }
}

}  // namespace
}  // namespace kvcache
