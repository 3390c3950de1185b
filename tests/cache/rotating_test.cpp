#include <gtest/gtest.h>

#include "kvcache/cache/batch_rotating_kv_cache.h"
#include "kvcache/cache/rotating_kv_cache.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::append;
using test::count_from;
using test::error_of;
using test::Tokens;
using test::tokens_in;

// A window of `max_size` that took a prompt and then single tokens.
RotatingKVCache window(std::int64_t max_size, std::int64_t keep, std::int64_t prompt, std::int64_t singles) {
  RotatingKVCache cache(max_size, keep);
  if (prompt > 0) append(cache, count_from(1, prompt));
  for (std::int64_t i = 0; i < singles; ++i) append(cache, Tokens{static_cast<int>(prompt + i + 1)});
  return cache;
}

TEST(RotatingKVCache, KeepsAPromptLongerThanItsWindowUntilTheNextToken) {
  RotatingKVCache cache = window(4, 1, 6, 0);
  EXPECT_EQ(tokens_in(cache.state()), count_from(1, 6));
  EXPECT_FALSE(cache.wrapped());
  append(cache, Tokens{7});
  // Rows 2 and 3 went with the excess, 4 to the new token: the pinned first token stays.
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 7, 5, 6}));
  EXPECT_EQ(cache.state().idx, 2);
  EXPECT_EQ(cache.state().offset, 7);
  EXPECT_TRUE(cache.wrapped());
}

TEST(RotatingKVCache, WritesSingleTokensAroundTheRing) {
  const RotatingKVCache cache = window(4, 1, 0, 9);
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 8, 9, 7}));
  EXPECT_EQ(cache.state().idx, 3);
  EXPECT_EQ(cache.size(), 4);
}

TEST(RotatingKVCache, ConcatenatesSeveralInTemporalOrder) {
  RotatingKVCache cache = window(4, 1, 0, 9);
  append(cache, Tokens{10, 11});
  // max_size - 1 old rows, the pinned one among them, and the new ones.
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 8, 9, 10, 11}));
  EXPECT_EQ(cache.state().idx, 5);
  EXPECT_EQ(cache.state().offset, 11);
}

// mlx-swift-lm since 3.33 takes tokens off a window that has wrapped: 9 of 10 tokens were seen, 2 and 3 are gone.
RotatingKVCache short_window() {
  const auto rows = test::rows_of(Tokens{1, 4, 5, 6, 7, 8, 9});
  RotatingKVCache::State state{rows.keys, rows.values, 1, 8, 9, 7, {}};
  state.wrapped = false;
  return RotatingKVCache(std::move(state));
}

TEST(RotatingKVCache, GoesOnFromAShortWindow) {
  RotatingKVCache cache = short_window();
  EXPECT_EQ(cache.size(), 7);
  append(cache, Tokens{10});
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_FALSE(cache.state().is_short()) << "full again";
  append(cache, Tokens{11});
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 11, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(cache.state().wrapped, true);
  RotatingKVCache several = short_window();
  append(several, Tokens{10, 11, 12});
  EXPECT_EQ(tokens_in(several.state()), (Tokens{1, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
}

TEST(RotatingKVCache, TrimsAShortWindowDownToItsPinnedRows) {
  RotatingKVCache cache = short_window();
  EXPECT_EQ(cache.trim(4), 4);
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 4, 5}));
  EXPECT_EQ(cache.state().offset, 5);
  EXPECT_EQ(error_of([&] { cache.trim(3); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_FALSE(cache.trimmable());
}

TEST(RotatingKVCache, PutsNoShortWindowIntoABatch) {
  const RotatingKVCache cache = short_window();
  const Cache* const one[] = {&cache};
  EXPECT_EQ(error_of([&] { static_cast<void>(cache.merge(one)); })->kind(), ErrorKind::impossible);
}

TEST(RotatingKVCache, UnrotatesToAnEquivalentState) {
  RotatingKVCache cache = window(4, 1, 0, 9);
  RotatingKVCache plain = cache;
  plain.unrotate();
  EXPECT_EQ(tokens_in(plain.state()), (Tokens{1, 7, 8, 9}));
  EXPECT_EQ(plain.state().idx, 4);
  append(cache, Tokens{10});
  append(plain, Tokens{10});
  cache.unrotate();
  plain.unrotate();
  EXPECT_EQ(tokens_in(cache.state()), tokens_in(plain.state()));
}

TEST(RotatingKVCache, SaysWhyItCannotBeTrimmed) {
  EXPECT_EQ(window(8, 0, 5, 0).why_not_trimmable(), std::nullopt);
  EXPECT_EQ(window(8, 0, 8, 0).why_not_trimmable(), "its window of 8 is full");
  EXPECT_EQ(window(8, 0, 5, 9).why_not_trimmable(), "the window of 8 has wrapped: 6 of its first tokens are gone");
  EXPECT_EQ(window(8, 2, 5, 9).why_not_trimmable(), "the window of 8 has wrapped: 6 tokens after its 2 pinned ones are gone");
  RotatingKVCache full = window(8, 0, 8, 0);
  EXPECT_EQ(error_of([&] { full.trim(1); })->kind(), ErrorKind::impossible);
}

TEST(RotatingKVCache, TrimsWhileNothingWasEvicted) {
  RotatingKVCache cache = window(8, 2, 5, 1);
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_EQ(tokens_in(cache.state()), count_from(1, 4));
  EXPECT_EQ(cache.trim(9), 4);
  EXPECT_EQ(cache.state().idx, 0);
  append(cache, Tokens{5});
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{5}));
}

TEST(RotatingKVCache, DescribesItsRing) {
  const Facts facts = window(4, 1, 0, 9).facts();
  EXPECT_EQ(facts.tokens, 9);
  EXPECT_EQ(facts.rows, 4);
  EXPECT_EQ(facts.keep, 1);
  EXPECT_EQ(facts.max_size, 4);
  EXPECT_EQ(facts.idx, 3);
  EXPECT_EQ(facts.wrapped, true);
  EXPECT_FALSE(facts.trimmable);
}

TEST(RotatingKVCache, RefusesWindowsThatCannotBe) {
  EXPECT_EQ(error_of([] { RotatingKVCache(4, 4); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([] { RotatingKVCache(0, 0); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([] { RotatingKVCache(4, -1); })->kind(), ErrorKind::usage);
}

// States that a broken file can hold. An operation must neither crash nor make a file of them.
TEST(RotatingKVCache, RefusesToWorkWithContradictions) {
  const test::Rows rows = test::rows_of(count_from(1, 6));
  const auto state = [&](std::int64_t keep, std::int64_t max_size, std::int64_t offset, std::int64_t idx) {
    return RotatingKVCache::State{rows.keys, rows.values, keep, max_size, offset, idx, std::nullopt};
  };
  const struct {
    RotatingKVCache::State state;
    const char* code;
  } cases[] = {{state(4, 4, 6, 6), "KV411"}, {state(0, 8, 5, 5), "KV411"},  {state(0, 8, 6, 7), "KV411"},
               {state(0, 8, 7, 6), "KV412"}, {state(0, 8, 10, 6), "KV413"}, {state(0, 5, 10, 3), "KV414"},
               {state(3, 6, 9, 3), "KV414"}, {state(-1, 6, 9, 3), "KV411"}};
  const test::Rows more = test::rows_of(Tokens{7});
  for (const auto& broken : cases) {
    RotatingKVCache cache(broken.state);
    const auto error = error_of([&] { cache.update(more.keys, more.values); });
    EXPECT_EQ(error->kind(), ErrorKind::impossible);
    EXPECT_NE(std::string(error->what()).find(broken.code), std::string::npos) << error->what();
    EXPECT_FALSE(cache.trimmable());
    EXPECT_EQ(error_of([&] { cache.unrotate(); })->kind(), ErrorKind::impossible);
    const std::vector<const Cache*> caches{&cache};
    EXPECT_EQ(error_of([&] { static_cast<void>(cache.merge(caches)); })->kind(), ErrorKind::impossible);
  }
}

TEST(RotatingKVCache, MergesTheLastRowsOfEach) {
  const RotatingKVCache wrapped = window(4, 0, 0, 6);
  const RotatingKVCache over = window(4, 0, 7, 0);
  const RotatingKVCache fresh = window(4, 0, 2, 0);
  const std::vector<const Cache*> caches{&wrapped, &over, &fresh};
  const auto merged = wrapped.merge(caches);
  const auto& state = dynamic_cast<const BatchRotatingKVCache&>(*merged).state();
  EXPECT_EQ(test::batch_in(state), (test::Batch{{3, 4, 5, 6}, {4, 5, 6, 7}, {0, 0, 1, 2}}));
  EXPECT_EQ(state.offset, (Int32s{6, 7, 2}));
  EXPECT_EQ(state.left_padding, (Int32s{0, 0, 2}));
  EXPECT_EQ(state.max_size, 4);
  EXPECT_EQ(state.total, 4);
  EXPECT_EQ(state.idx, 4);
  EXPECT_FALSE(state.rotated);
}

TEST(RotatingKVCache, NeverMergesPinnedTokensAway) {
  const RotatingKVCache over = window(4, 1, 7, 0);
  const std::vector<const Cache*> caches{&over};
  EXPECT_STREQ(error_of([&] { static_cast<void>(over.merge(caches)); })->what(),
               "7 rows do not fit a batch window of 4, which has no pinned rows: the 1 pinned tokens would be lost");
  // In a wrapped ring the pinned rows are among the last max_size ones.
  const RotatingKVCache wrapped = window(4, 1, 0, 7);
  const std::vector<const Cache*> whole{&wrapped};
  EXPECT_EQ(test::batch_in(dynamic_cast<const BatchRotatingKVCache&>(*wrapped.merge(whole)).state()),
            (test::Batch{{1, 5, 6, 7}}));
}

TEST(RotatingKVCache, MergesOnlyEqualWindows) {
  const RotatingKVCache a(4, 0);
  const RotatingKVCache b(8, 0);
  EXPECT_EQ(a.mismatch(b), "windows 4 and 8");
  const std::vector<const Cache*> caches{&a, &b};
  EXPECT_EQ(error_of([&] { static_cast<void>(a.merge(caches)); })->kind(), ErrorKind::impossible);
}

}  // namespace
}  // namespace kvcache
