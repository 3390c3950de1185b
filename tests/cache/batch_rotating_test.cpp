#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "batch_model.h"
#include "cache/invariants/invariants.h"
#include "kvcache/cache/batch_rotating_kv_cache.h"
#include "kvcache/cache/rotating_kv_cache.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::append;
using test::Batch;
using test::batch_in;
using test::BatchModel;
using test::error_of;
using test::Tokens;

using Indices = std::vector<std::int64_t>;

// Windows that took these sequences token by token, merged.
BatchRotatingKVCache merged(std::int64_t max_size, const Batch& sequences) {
  std::vector<RotatingKVCache> singles(sequences.size(), RotatingKVCache(max_size, 0));
  std::vector<const Cache*> caches;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    for (const int token : sequences[i]) append(singles[i], Tokens{token});
    caches.push_back(&singles[i]);
  }
  return dynamic_cast<BatchRotatingKVCache&>(*singles[0].merge(caches));
}

RotatingKVCache extracted(const BatchRotatingKVCache& batch, std::int64_t index) {
  return dynamic_cast<RotatingKVCache&>(*batch.extract(index));
}

Tokens extracted_tokens(const BatchRotatingKVCache& batch, std::int64_t index) {
  return test::tokens_in(extracted(batch, index).state());
}

TEST(BatchRotatingKVCache, OverwritesTheOldestRowOfAFullWindow) {
  BatchRotatingKVCache cache = merged(4, {{1, 2, 3, 4, 5}, {7}});
  append(cache, Batch{{6}, {8}});
  EXPECT_EQ(batch_in(cache.state()), (Batch{{6, 3, 4, 5}, {8, 0, 0, 7}}));
  EXPECT_TRUE(cache.state().rotated);
  EXPECT_EQ(cache.state().idx, 1);
  EXPECT_EQ(cache.state().offset, (Int32s{6, 2}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{-1, 2}));
  EXPECT_EQ(extracted_tokens(cache, 0), (Tokens{3, 4, 5, 6}));
  EXPECT_EQ(extracted_tokens(cache, 1), (Tokens{7, 8}));
  cache.unrotate();
  EXPECT_EQ(batch_in(cache.state()), (Batch{{3, 4, 5, 6}, {0, 0, 7, 8}}));
}

TEST(BatchRotatingKVCache, ConcatenatesBehindAllButOneOldRow) {
  BatchRotatingKVCache cache = merged(4, {{1, 2, 3, 4, 5}, {7}});
  append(cache, Batch{{6, 16}, {8, 18}});
  EXPECT_EQ(batch_in(cache.state()), (Batch{{3, 4, 5, 6, 16}, {0, 0, 7, 8, 18}}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{-1, 2}));
  EXPECT_EQ(cache.state().total, 6);
  EXPECT_EQ(cache.state().idx, 5);
}

TEST(BatchRotatingKVCache, TrimsOnlyBelowItsWindow) {
  BatchRotatingKVCache cache = merged(4, {{1, 2, 3}, {7}});
  EXPECT_EQ(cache.trim(1), 1);
  EXPECT_EQ(batch_in(cache.state()), (Batch{{1, 2}, {0, 0}}));
  EXPECT_EQ(cache.state().total, 2);
  append(cache, Batch{{3, 4, 5}, {8, 9, 10}});
  EXPECT_EQ(cache.why_not_trimmable(), "its window of 4 is full");
  append(cache, Batch{{6}, {11}});
  EXPECT_EQ(cache.why_not_trimmable(), "the window of 4 has wrapped: 2 of its first rows are gone");
}

TEST(BatchRotatingKVCache, IsTrimmedSequenceBySequence) {
  BatchRotatingKVCache cache = merged(8, {{1, 2, 3, 4}, {7}});
  EXPECT_STREQ(error_of([&] { cache.trim(2); })->what(), "cannot be trimmed: sequence 1 has 1 token: 2 cannot be removed");
  EXPECT_EQ(cache.trim_to(2), 2);
  EXPECT_EQ(batch_in(cache.state()), (Batch{{1, 2}, {0, 7}}));
  EXPECT_EQ(cache.state().offset, (Int32s{2, 1}));
  EXPECT_EQ(cache.state().total, 2);
  EXPECT_EQ(cache.state().idx, 2);
}

TEST(BatchRotatingKVCache, ExtendBringsRingsIntoOneOrder) {
  BatchRotatingKVCache cache = merged(4, {{1, 2, 3, 4}});
  append(cache, Batch{{5}});
  ASSERT_TRUE(cache.state().rotated);
  cache.extend(merged(4, {{7}, {8, 9}}));
  EXPECT_EQ(batch_in(cache.state()), (Batch{{2, 3, 4, 5}, {0, 0, 0, 7}, {0, 0, 8, 9}}));
  EXPECT_FALSE(cache.state().rotated);
  EXPECT_EQ(cache.state().total, 5);
  EXPECT_EQ(cache.state().left_padding, (Int32s{-1, 3, 2}));
  EXPECT_EQ(error_of([&] { cache.extend(merged(8, {{1}})); })->kind(), ErrorKind::impossible);
}

TEST(BatchRotatingKVCache, AlignCoversPaddingWhereTokensWereEvicted) {
  BatchRotatingKVCache cache = merged(4, {{1, 2, 3, 4, 5}, {7}});
  cache.prepare({1, 2});
  append(cache, Batch{{6, 7, 99}, {8, 99, 99}});
  EXPECT_EQ(error_of([&] { append(cache, Batch{{1, 2}, {3, 4}}); })->kind(), ErrorKind::impossible);
  cache.finalize();
  EXPECT_EQ(extracted_tokens(cache, 0), (Tokens{3, 4, 5, 6, 7}));
  EXPECT_EQ(extracted_tokens(cache, 1), (Tokens{7, 8}));
}

TEST(BatchRotatingKVCache, RefusesPaddingItWouldDecodeOver) {
  BatchRotatingKVCache cache = merged(4, {{1, 2}});
  cache.prepare({1});
  EXPECT_EQ(error_of([&] { append(cache, Batch{{3}}); })->kind(), ErrorKind::impossible);
  cache.prepare({3});
  EXPECT_EQ(error_of([&] { append(cache, Batch{{3, 4}}); })->kind(), ErrorKind::usage);
}

// Two rows came, both padding: only 3 of the last 4 tokens are still there.
TEST(BatchRotatingKVCache, DoesNotExtractAWindowWithAHole) {
  BatchRotatingKVCache cache = merged(4, {{1, 2, 3, 4, 5}});
  cache.prepare({2});
  append(cache, Batch{{99, 99}});
  cache.finalize();
  const auto error = error_of([&] { static_cast<void>(cache.extract(0)); });
  EXPECT_NE(std::string(error->what()).find("only 3 of the last 4 tokens"), std::string::npos) << error->what();
  append(cache, Batch{{6}});
  EXPECT_EQ(extracted_tokens(cache, 0), (Tokens{3, 4, 5, 6}));
}

TEST(BatchRotatingKVCache, RefusesToWorkWithContradictions) {
  const test::Rows rows = test::rows_of(Batch{{1, 2, 3, 4}});
  const auto state = [&](std::int64_t max_size, std::int64_t total, std::int64_t idx, bool rotated) {
    return BatchRotatingKVCache::State{rows.keys, rows.values, {4}, {0}, max_size, total, idx, rotated};
  };
  const struct {
    BatchRotatingKVCache::State state;
    const char* code;
  } cases[] = {{state(4, 3, 4, false), "KV461"}, {state(4, 4, 5, false), "KV461"}, {state(8, 4, 4, true), "KV462"},
               {state(4, 6, 0, true), "KV462"},  {state(4, 6, 2, false), "KV463"}, {state(8, 5, 4, false), "KV464"}};
  for (const auto& broken : cases) {
    BatchRotatingKVCache cache(broken.state);
    const auto error = error_of([&] { append(cache, Batch{{5}}); });
    EXPECT_NE(std::string(error->what()).find(broken.code), std::string::npos) << error->what();
    EXPECT_FALSE(cache.trimmable());
    EXPECT_EQ(error_of([&] { static_cast<void>(cache.extract(0)); })->kind(), ErrorKind::impossible);
  }
}

RC_GTEST_PROP(BatchRotatingKVCacheProperty, EverySequenceKeepsItsWindow, ()) {
  const auto max_size = *rc::gen::inRange<std::int64_t>(1, 9);
  BatchModel model{{{1, 2, 3}, {4}, {5, 6}}, 7};
  BatchRotatingKVCache cache = merged(max_size, model.sequences);
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 16))) {
    const auto batch = static_cast<std::int64_t>(model.sequences.size());
    const std::int64_t count = 2 + step % 4;
    if (step < 4) {
      append(cache, model.append(1));
    } else if (step < 6) {
      append(cache, model.append(count));
    } else if (step < 8) {
      // Every sequence gets at least one token: see DoesNotExtractAWindowWithAHole.
      Int32s padding;
      for (std::int64_t b = 0; b < batch; ++b) padding.push_back(*rc::gen::inRange<std::int32_t>(0, static_cast<int>(count)));
      cache.prepare(padding);
      append(cache, model.append(count, padding));
      cache.finalize();
    } else if (step < 10) {
      const Indices some = *rc::gen::container<Indices>(3, rc::gen::inRange<std::int64_t>(0, batch));
      cache.filter(some);
      model.filter(some);
    } else if (step < 12 && batch < 12) {
      BatchModel other{{{model.next}, {}}, model.next + 1};
      cache.extend(merged(max_size, other.sequences));
      model.sequences.insert(model.sequences.end(), other.sequences.begin(), other.sequences.end());
      model.next = other.next;
    } else if (step < 14) {
      cache.unrotate();
    } else if (cache.trimmable()) {
      std::size_t shortest = 3;
      for (const Tokens& tokens : model.sequences) shortest = std::min(shortest, tokens.size());
      cache.trim(static_cast<std::int64_t>(shortest));
      model.trim(static_cast<std::int64_t>(shortest));
      cache.trim_to(step - 10);
      model.trim_to(step - 10);
    }
    RC_ASSERT(detail::broken_invariants(cache.state()).empty());
    for (std::size_t b = 0; b < model.sequences.size(); ++b) {
      const RotatingKVCache one = extracted(cache, static_cast<std::int64_t>(b));
      const Tokens& all = model.sequences[b];
      RC_ASSERT(detail::broken_invariants(one.state()).empty());
      RC_ASSERT(one.state().offset == static_cast<std::int64_t>(all.size()));
      const Tokens tokens = test::tokens_in(one.state());
      RC_ASSERT(test::is_suffix(tokens, all));
      RC_ASSERT(tokens.size() >= std::min(all.size(), static_cast<std::size_t>(max_size)));
    }
  }
}

}  // namespace
}  // namespace kvcache
