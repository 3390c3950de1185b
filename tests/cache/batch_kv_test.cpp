#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "batch_model.h"
#include "kvcache/cache/batch_kv_cache.h"
#include "kvcache/cache/kv_cache.h"
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

// Sequences of these lengths, merged.
BatchKVCache merged(const Batch& sequences) {
  std::vector<KVCache> singles(sequences.size());
  std::vector<const Cache*> caches;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (!sequences[i].empty()) append(singles[i], sequences[i]);
    caches.push_back(&singles[i]);
  }
  return dynamic_cast<BatchKVCache&>(*singles[0].merge(caches));
}

Tokens extracted(const BatchKVCache& batch, std::int64_t index) {
  return test::tokens_in(dynamic_cast<const KVCache&>(*batch.extract(index)).state());
}

TEST(BatchKVCache, AppendsToEverySequence) {
  BatchKVCache cache = merged({{1, 2, 3}, {7}});
  append(cache, Batch{{4, 5}, {8, 9}});
  EXPECT_EQ(batch_in(cache.state()), (Batch{{1, 2, 3, 4, 5}, {0, 0, 7, 8, 9}}));
  EXPECT_EQ(cache.state().offset, (Int32s{5, 3}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 2}));
  EXPECT_EQ(cache.facts().tokens, 5);
  EXPECT_EQ(cache.facts().padding_bytes, cache.nbytes() / 10 * 2);
}

TEST(BatchKVCache, TakesLeftPaddedPromptsWhenEmpty) {
  BatchKVCache cache({1, 0});
  append(cache, Batch{{0, 1}, {2, 3}});
  EXPECT_EQ(cache.state().offset, (Int32s{1, 2}));
  EXPECT_EQ(extracted(cache, 0), (Tokens{1}));
  EXPECT_EQ(error_of([&] { append(cache, Batch{{1}}); })->kind(), ErrorKind::impossible);
}

TEST(BatchKVCache, FilterDropsPaddingCommonToAll) {
  BatchKVCache cache = merged({{1, 2, 3}, {7}, {8, 9}});
  cache.filter(Indices{2, 1});
  EXPECT_EQ(batch_in(cache.state()), (Batch{{8, 9}, {0, 7}}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 1}));
  EXPECT_EQ(cache.state().offset, (Int32s{2, 1}));
}

TEST(BatchKVCache, ExtendPadsTheShorterBatch) {
  BatchKVCache cache = merged({{1, 2, 3}, {7}});
  cache.extend(merged({{5}}));
  EXPECT_EQ(batch_in(cache.state()), (Batch{{1, 2, 3}, {0, 0, 7}, {0, 0, 5}}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 2, 2}));
}

// The reference's extend makes everything float32 here (docs/formats.md, "Bugs of the runtimes").
TEST(BatchKVCache, ExtendWithAnEmptyBatchKeepsTheDtype) {
  BatchKVCache cache({0});
  cache.update(Tensor::zeros(Dtype::BF16, {1, 2, 3, 4}), Tensor::zeros(Dtype::BF16, {1, 2, 3, 4}));
  BatchKVCache empty({0, 0});
  BatchKVCache reverse = empty;
  cache.extend(empty);
  reverse.extend(cache);
  EXPECT_EQ(cache.state().keys.dtype(), Dtype::BF16);
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 3, 3}));
  EXPECT_EQ(reverse.state().keys.dtype(), Dtype::BF16);
  EXPECT_EQ(reverse.state().left_padding, (Int32s{3, 3, 0, 3, 3}));
  empty.extend(empty);
  EXPECT_EQ(empty.batch_size(), 4);
}

TEST(BatchKVCache, AlignTurnsRightPaddingIntoLeftPadding) {
  BatchKVCache cache = merged({{1, 2}, {7}});
  cache.prepare({0, 2});
  append(cache, Batch{{3, 4, 5}, {8, 99, 99}});
  EXPECT_EQ(error_of([&] { static_cast<void>(cache.extract(0)); })->kind(), ErrorKind::impossible);
  cache.finalize();
  EXPECT_EQ(extracted(cache, 0), (Tokens{1, 2, 3, 4, 5}));
  EXPECT_EQ(extracted(cache, 1), (Tokens{7, 8}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 3}));
  cache.finalize();
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 3}));
}

TEST(BatchKVCache, AlignWorksOnRowsAlreadyStored) {
  BatchKVCache cache = merged({{1, 2, 3}, {7, 99, 99}});
  cache.prepare({0, 2});
  cache.finalize();
  EXPECT_EQ(extracted(cache, 1), (Tokens{7}));
  cache.prepare({0, 2});
  EXPECT_EQ(error_of([&] { cache.finalize(); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { cache.prepare({1}); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { cache.prepare({1, -1}); })->kind(), ErrorKind::usage);
}

TEST(BatchKVCache, IsNotTrimmedByMoreThanASequenceHolds) {
  BatchKVCache cache = merged({{1, 2, 3}, {7}});
  const auto error = error_of([&] { cache.trim(2); });
  EXPECT_STREQ(error->what(), "cannot be trimmed: sequence 1 has 1 token: 2 cannot be removed");
  EXPECT_EQ(cache.trim(1), 1);
  EXPECT_EQ(cache.state().offset, (Int32s{2, 0}));
  EXPECT_EQ(extracted(cache, 1), Tokens{});
}

TEST(BatchKVCache, KeepsTheFirstTokensOfEachSequence) {
  BatchKVCache cache = merged({{1, 2, 3, 4}, {7}, {5, 6, 8}});
  EXPECT_EQ(cache.trim_to(4), 0);
  EXPECT_EQ(cache.trim_to(2), 2);
  EXPECT_EQ(batch_in(cache.state()), (Batch{{1, 2}, {0, 7}, {5, 6}}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 1, 0}));
  EXPECT_EQ(cache.trim_to(0), 2);
  EXPECT_EQ(cache.size(), 0);
  EXPECT_EQ(cache.state().left_padding, (Int32s{0, 0, 0}));
}

// What mlx-lm's own trim leaves behind: a negative offset.
TEST(BatchKVCache, SequencesTrimmedPastTheirStartAreEmpty) {
  const test::Rows rows = test::rows_of(Batch{{1}, {0}});
  BatchKVCache cache(BatchKVCache::State{rows.keys, rows.values, {1, -1}, {0, 2}});
  EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(extracted(cache, 1), Tokens{});
  append(cache, Batch{{4}, {8}});
  EXPECT_EQ(extracted(cache, 0), (Tokens{1, 4}));
  cache.filter(Indices{1});
  EXPECT_EQ(cache.size(), 0);
}

TEST(BatchKVCache, NamesIndicesThatAreOutOfRange) {
  BatchKVCache cache = merged({{1}, {2}});
  const auto error = error_of([&] { static_cast<void>(cache.extract(2)); });
  EXPECT_STREQ(error->what(), "sequence 2 is out of range: the batch holds 2");
  EXPECT_EQ(error->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { cache.filter(Indices{0, -1}); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { cache.filter(Indices{}); })->kind(), ErrorKind::usage);
}

TEST(BatchKVCache, RefusesToWorkWithContradictions) {
  const test::Rows rows = test::rows_of(Batch{{1, 2}, {3, 4}});
  for (const auto& [offset, left_padding] :
       std::vector<std::pair<Int32s, Int32s>>{{{2, 1}, {0, 0}}, {{2, 3}, {0, -1}}, {{2}, {0, 0}}, {{2, 2}, {0, 0, 0}}}) {
    BatchKVCache cache(BatchKVCache::State{rows.keys, rows.values, offset, left_padding});
    EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
    EXPECT_EQ(error_of([&] { cache.filter(Indices{0}); })->kind(), ErrorKind::impossible);
    EXPECT_EQ(error_of([&] { static_cast<void>(cache.extract(0)); })->kind(), ErrorKind::impossible);
  }
}

RC_GTEST_PROP(BatchKVCacheProperty, ExtractGivesBackWhatWasMerged, ()) {
  Batch sequences(*rc::gen::inRange<std::size_t>(1, 5));
  int first = 1;
  for (Tokens& tokens : sequences) {
    tokens = test::count_from(first, *rc::gen::inRange<std::int64_t>(0, 6));
    first += 10;
  }
  const BatchKVCache cache = merged(sequences);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    RC_ASSERT(extracted(cache, static_cast<std::int64_t>(i)) == sequences[i]);
  }
}

RC_GTEST_PROP(BatchKVCacheProperty, EveryOperationKeepsEverySequence, ()) {
  BatchModel model{{{1, 2, 3}, {4}, {5, 6}}, 7};
  BatchKVCache cache = merged(model.sequences);
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 14))) {
    const auto batch = static_cast<std::int64_t>(model.sequences.size());
    const std::int64_t count = 1 + step % 4;
    if (step < 5) {
      append(cache, model.append(count));
    } else if (step < 7) {
      Int32s padding;
      for (std::int64_t b = 0; b < batch; ++b)
        padding.push_back(*rc::gen::inRange<std::int32_t>(0, static_cast<int>(count) + 1));
      cache.prepare(padding);
      append(cache, model.append(count, padding));
      cache.finalize();
    } else if (step < 9) {
      const Indices some = *rc::gen::container<Indices>(3, rc::gen::inRange<std::int64_t>(0, batch));
      cache.filter(some);
      model.filter(some);
    } else if (step < 11 && batch < 12) {
      BatchModel other{{{model.next}, {}}, model.next + 1};
      cache.extend(merged(other.sequences));
      model.sequences.insert(model.sequences.end(), other.sequences.begin(), other.sequences.end());
      model.next = other.next;
    } else {
      std::size_t shortest = 3;
      for (const Tokens& tokens : model.sequences) shortest = std::min(shortest, tokens.size());
      cache.trim(static_cast<std::int64_t>(shortest));
      model.trim(static_cast<std::int64_t>(shortest));
      cache.trim_to(step);
      model.trim_to(step);
    }
    for (std::size_t b = 0; b < model.sequences.size(); ++b) {
      RC_ASSERT(cache.state().offset[b] + cache.state().left_padding[b] == cache.size());
      RC_ASSERT(extracted(cache, static_cast<std::int64_t>(b)) == model.sequences[b]);
    }
  }
}

RC_GTEST_PROP(BatchKVCacheProperty, FilterByAPermutationAndBackIsTheIdentity, ()) {
  BatchKVCache cache = merged({{1, 2, 3}, {4}, {5, 6}, {}});
  const BatchKVCache before = cache;
  Indices order(4);
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = 3; i > 0; --i) std::swap(order[i], order[*rc::gen::inRange<std::size_t>(0, i + 1)]);
  Indices back(4);
  for (std::size_t i = 0; i < 4; ++i) back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  cache.filter(order);
  cache.filter(back);
  RC_ASSERT(batch_in(cache.state()) == batch_in(before.state()));
  RC_ASSERT(cache.state().offset == before.state().offset);
  RC_ASSERT(cache.state().left_padding == before.state().left_padding);
}

}  // namespace
}  // namespace kvcache
