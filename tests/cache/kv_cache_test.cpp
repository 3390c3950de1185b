#include "kvcache/cache/kv_cache.h"

#include <gtest/gtest.h>

#include "kvcache/cache/batch_kv_cache.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::append;
using test::count_from;
using test::error_of;
using test::Tokens;
using test::tokens_in;

TEST(KVCache, IsEmptyUntilItsFirstUpdate) {
  KVCache cache;
  EXPECT_TRUE(cache.empty());
  EXPECT_EQ(cache.size(), 0);
  EXPECT_EQ(cache.trim(3), 0);
  EXPECT_EQ(cache.batch_size(), std::nullopt);
  append(cache, Tokens{1, 2, 3});
  EXPECT_FALSE(cache.empty());
  EXPECT_EQ(cache.size(), 3);
  EXPECT_EQ(cache.batch_size(), 1);
}

TEST(KVCache, TrimsFromTheEndAndNoFurther) {
  KVCache cache;
  append(cache, count_from(1, 5));
  EXPECT_EQ(cache.trim(2), 2);
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{1, 2, 3}));
  EXPECT_EQ(cache.trim(100), 3);
  EXPECT_EQ(cache.size(), 0);
  EXPECT_FALSE(cache.empty());
  append(cache, Tokens{9});
  EXPECT_EQ(tokens_in(cache.state()), (Tokens{9}));
  EXPECT_EQ(error_of([&] { cache.trim(-1); })->kind(), ErrorKind::usage);
}

TEST(KVCache, KnowsWhatItCosts) {
  KVCache cache;
  append(cache, count_from(1, 5));
  const Facts facts = cache.facts();
  EXPECT_EQ(facts.class_name, "KVCache");
  EXPECT_EQ(facts.tokens, 5);
  EXPECT_EQ(facts.rows, 5);
  EXPECT_EQ(facts.kv_heads, test::heads);
  EXPECT_EQ(facts.key_dim, test::key_dim);
  EXPECT_EQ(facts.value_dim, test::value_dim);
  EXPECT_EQ(facts.dtype, Dtype::F32);
  EXPECT_EQ(facts.bytes, 5U * 2U * (4U + 2U) * 4U);
  EXPECT_EQ(facts.bytes, cache.nbytes());
  EXPECT_TRUE(facts.trimmable);
}

TEST(KVCache, CopiesAreIndependent) {
  KVCache cache;
  append(cache, Tokens{1, 2});
  const auto copy = cache.copy();
  append(cache, Tokens{3});
  EXPECT_EQ(copy->size(), 2);
  EXPECT_EQ(cache.size(), 3);
}

TEST(KVCache, RefusesUpdatesThatDoNotFitAndStaysAsItWas) {
  KVCache cache;
  append(cache, Tokens{1, 2});
  const test::Rows good = test::rows_of(Tokens{3});
  const auto refused = [&](const Tensor& keys, const Tensor& values) {
    const auto error = error_of([&] { cache.update(keys, values); });
    EXPECT_EQ(cache.size(), 2);
    return std::string(error->what());
  };
  const auto like = [](Shape shape, Dtype dtype = Dtype::F32) { return Tensor::zeros(dtype, std::move(shape)); };
  EXPECT_NE(refused(like({1, 3, 1, 4}), like({1, 3, 1, 2})).find("KV heads 2 and 3"), std::string::npos);
  EXPECT_NE(refused(like({1, 2, 1, 8}), good.values).find("key head dims 4 and 8"), std::string::npos);
  EXPECT_NE(refused(good.keys, like({1, 2, 1, 4})).find("value head dims 2 and 4"), std::string::npos);
  EXPECT_NE(refused(like({1, 2, 1, 4}, Dtype::F16), good.values).find("key dtypes F32 and F16"), std::string::npos);
  EXPECT_NE(refused(like({2, 2, 1, 4}), like({2, 2, 1, 2})).find("batch sizes 1 and 2"), std::string::npos);
  EXPECT_NE(refused(good.keys, like({1, 2, 2, 2})).find("[1, 2, 1, 4]"), std::string::npos);
  EXPECT_NE(refused(like({2, 1, 4}), good.values).find("[2, 1, 4]"), std::string::npos);
  EXPECT_NE(refused({}, good.values).find("no keys"), std::string::npos);
  EXPECT_NE(refused(like({1, 2, 0, 4}), like({1, 2, 0, 2})).find("no rows"), std::string::npos);
}

TEST(KVCache, RefusesBatchOperationsByName) {
  KVCache cache;
  const std::vector<std::int64_t> first{0};
  EXPECT_STREQ(error_of([&] { cache.filter(first); })->what(), "KVCache has no filter");
  EXPECT_STREQ(error_of([&] { cache.extend(cache); })->what(), "KVCache has no extend");
  EXPECT_EQ(error_of([&] { static_cast<void>(cache.extract(0)); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([&] { cache.prepare({0}); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([&] { cache.finalize(); })->kind(), ErrorKind::impossible);
}

TEST(KVCache, MergesIntoALeftPaddedBatch) {
  KVCache a;
  KVCache b;
  const KVCache never_used;
  append(a, Tokens{1, 2, 3});
  append(b, Tokens{7});
  const std::vector<const Cache*> caches{&a, &b, &never_used};
  const auto merged = a.merge(caches);
  const auto& state = dynamic_cast<const BatchKVCache&>(*merged).state();
  EXPECT_EQ(test::batch_in(state), (test::Batch{{1, 2, 3}, {0, 0, 7}, {0, 0, 0}}));
  EXPECT_EQ(state.offset, (Int32s{3, 1, 0}));
  EXPECT_EQ(state.left_padding, (Int32s{0, 2, 3}));
}

TEST(KVCache, MergesNothingIntoAnEmptyBatch) {
  const KVCache a;
  const std::vector<const Cache*> caches{&a, &a};
  const auto merged = a.merge(caches);
  EXPECT_TRUE(merged->empty());
  EXPECT_EQ(merged->batch_size(), 2);
}

TEST(KVCache, MergesOnlyWhatFits) {
  KVCache a;
  KVCache wide;
  KVCache batch;
  append(a, Tokens{1});
  append(batch, test::Batch{{1}, {2}});
  wide.update(Tensor::zeros(Dtype::F32, {1, 2, 1, 16}), Tensor::zeros(Dtype::F32, {1, 2, 1, 2}));
  const std::vector<const Cache*> different{&a, &wide};
  EXPECT_STREQ(error_of([&] { static_cast<void>(a.merge(different)); })->what(),
               "caches 0 and 1 differ: key head dims 4 and 16");
  const std::vector<const Cache*> several{&a, &batch};
  EXPECT_NE(std::string(error_of([&] { static_cast<void>(a.merge(several)); })->what()).find("2 sequences"), std::string::npos);
}

TEST(KVCache, KeepsTheNameOfItsFile) {
  const test::Rows rows = test::rows_of(Tokens{1, 2});
  KVCache cache(KVCache::State{rows.keys, rows.values, "ConcatenateKVCache"});
  EXPECT_EQ(cache.class_name(), "ConcatenateKVCache");
  // The reference's class of that name saves trimmed rows all the same (docs/formats.md, "Bugs of the runtimes").
  cache.trim(1);
  EXPECT_EQ(cache.state().keys.dim(2), 1);
}

}  // namespace
}  // namespace kvcache
