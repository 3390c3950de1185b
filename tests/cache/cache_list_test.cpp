#include <gtest/gtest.h>

#include "kvcache/caches.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::append;
using test::error_of;
using test::Tokens;

using Indices = std::vector<std::int64_t>;

template <class... Children>
CacheList list_of(const Children&... children) {
  std::vector<std::unique_ptr<Cache>> all;
  (all.push_back(children.copy()), ...);
  return CacheList(std::move(all));
}

KVCache plain(const Tokens& tokens) {
  KVCache cache;
  append(cache, tokens);
  return cache;
}

const KVCache& kv_child(const Cache& list, std::size_t index) {
  return dynamic_cast<const KVCache&>(*dynamic_cast<const CacheList&>(list).children().at(index));
}

TEST(CacheList, TrimsAllChildrenOrNone) {
  CacheList cache = list_of(plain({1, 2, 3}), plain({4, 5, 6}));
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_EQ(kv_child(cache, 0).size(), 1);
  EXPECT_EQ(kv_child(cache, 1).size(), 1);
  CacheList stuck = list_of(plain({1, 2, 3}), ArraysCache(1));
  EXPECT_EQ(stuck.why_not_trimmable(), "child 1 (ArraysCache): recurrent state cannot be rolled back");
  EXPECT_EQ(error_of([&] { stuck.trim(1); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(kv_child(stuck, 0).size(), 3);
}

TEST(CacheList, UpdatesEachChildWithItsOwnRows) {
  CacheList cache = list_of(ArraysCache(1), plain({1}));
  const test::Rows rows = test::rows_of(Tokens{2, 3});
  const std::vector<Tensor> update{{}, {}, rows.keys, rows.values};
  cache.update_children(update);
  EXPECT_EQ(test::tokens_in(kv_child(cache, 1).state()), (Tokens{1, 2, 3}));
  EXPECT_EQ(error_of([&] { cache.update_children(std::vector<Tensor>(2)); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { cache.update(rows.keys, rows.values); })->kind(), ErrorKind::impossible);
}

TEST(CacheList, AChildThatRefusesLeavesTheOthersAlone) {
  CacheList cache = list_of(plain({1}), plain({2}));
  const test::Rows rows = test::rows_of(Tokens{3});
  const std::vector<Tensor> update{rows.keys, rows.values, rows.values, rows.values};
  const auto error = error_of([&] { cache.update_children(update); });
  EXPECT_EQ(std::string(error->what()).find("child 1 (KVCache): "), 0U) << error->what();
  EXPECT_EQ(kv_child(cache, 0).size(), 1);
}

TEST(CacheList, BatchesWhatItsChildrenCanBatch) {
  const ArraysCache state(ArraysCache::State{{Tensor::of_i32(Int32s{7})}, {}, {}, false});
  const CacheList a = list_of(state, plain({1, 2}));
  const CacheList b = list_of(state, plain({3}));
  const std::vector<const Cache*> caches{&a, &b};
  auto batch = a.merge(caches);
  EXPECT_EQ(batch->batch_size(), 2);
  batch->extend(*batch->copy());
  EXPECT_EQ(batch->batch_size(), 4);
  batch->filter(Indices{3});
  EXPECT_EQ(test::tokens_in(kv_child(*batch->extract(0), 1).state()), (Tokens{3}));
  batch->prepare({1});
  batch->finalize();
  EXPECT_EQ(test::tokens_in(kv_child(*batch->extract(0), 1).state()), Tokens{});
}

TEST(CacheList, NamesTheChildThatDoesNotFit) {
  const CacheList a = list_of(plain({1}), RotatingKVCache(4, 0));
  EXPECT_EQ(a.mismatch(list_of(plain({1}), RotatingKVCache(8, 0))), "child 1 (RotatingKVCache): windows 4 and 8");
  EXPECT_EQ(a.mismatch(list_of(plain({1}))), "children 2 and 1");
  EXPECT_EQ(a.mismatch(plain({1})), "classes CacheList and KVCache");
  const CacheList quantized = list_of(QuantizedKVCache(64, 8));
  const std::vector<const Cache*> caches{&quantized};
  EXPECT_STREQ(error_of([&] { static_cast<void>(quantized.merge(caches)); })->what(),
               "child 0 (QuantizedKVCache): QuantizedKVCache has no merge");
}

TEST(CacheList, AddsUpItsChildren) {
  const CacheList cache = list_of(ArraysCache(1), plain({1, 2}), list_of(plain({1, 2, 3})));
  const Facts facts = cache.facts();
  EXPECT_EQ(facts.tokens, 3);
  EXPECT_EQ(facts.bytes, cache.nbytes());
  EXPECT_EQ(facts.children.size(), 3U);
  EXPECT_EQ(facts.children[2].children[0].class_name, "KVCache");
  EXPECT_FALSE(facts.trimmable);
  EXPECT_EQ(cache.size(), 3);
  EXPECT_EQ(cache.parts().back().name, "child 2 child 0 values");
  EXPECT_TRUE(list_of(KVCache(), ArraysCache(1)).empty());
}

TEST(CacheList, ChildrenOfDifferentBatchesAreAContradiction) {
  KVCache two;
  append(two, test::Batch{{1}, {2}});
  EXPECT_EQ(error_of([&] { static_cast<void>(list_of(plain({1}), two).batch_size()); })->kind(), ErrorKind::impossible);
}

}  // namespace
}  // namespace kvcache
