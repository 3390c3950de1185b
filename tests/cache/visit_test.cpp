#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "kvcache/caches.h"

namespace kvcache {
namespace {

std::vector<std::unique_ptr<Cache>> one_of_each() {
  std::vector<std::unique_ptr<Cache>> all;
  all.push_back(std::make_unique<KVCache>());
  all.push_back(std::make_unique<RotatingKVCache>(8, 0));
  all.push_back(std::make_unique<QuantizedKVCache>(64, 8));
  all.push_back(std::make_unique<ChunkedKVCache>(8));
  all.push_back(std::make_unique<ArraysCache>(2));
  all.push_back(std::make_unique<CacheList>(std::vector<std::unique_ptr<Cache>>{}));
  all.push_back(std::make_unique<BatchKVCache>(Int32s{0}));
  all.push_back(std::make_unique<BatchRotatingKVCache>(8, Int32s{0}));
  all.push_back(std::make_unique<TurboQuantKVCache>(TurboQuantKVCache::State{}));
  all.push_back(std::make_unique<VarianceNormalizedKVCache>(VarianceNormalizedKVCache::State{}));
  all.push_back(std::make_unique<OpaqueCache>(OpaqueCache::State{}));
  return all;
}

TEST(Visit, EveryClassComesAsWhatItIs) {
  int next = 0;
  for (const auto& cache : one_of_each()) {
    // The numbers are fixed: programs in other languages keep them.
    EXPECT_EQ(static_cast<int>(cache->kind()), next++);
    const bool same = visit(*cache, [&](const CacheClass auto& typed) {
      using Class = std::remove_cvref_t<decltype(typed)>;
      return Class::own_kind == cache->kind() && dynamic_cast<const Class*>(cache.get()) == &typed &&
             as<Class>(*cache) == &typed && is<Class>(*cache);
    });
    EXPECT_TRUE(same) << cache->class_name();
    EXPECT_EQ(as<KVCache>(*cache) != nullptr, next == 1);
    EXPECT_EQ(cache->copy()->kind(), cache->kind());
  }
}

TEST(Visit, SeveralClassesShareAFunctionByName) {
  const auto name = PerClass{
      [](const KVCache&) { return "plain"; }, [](const OneOf<RotatingKVCache, BatchRotatingKVCache> auto&) { return "window"; },
      [](const OneOf<QuantizedKVCache, ChunkedKVCache, ArraysCache, CacheList, BatchKVCache, TurboQuantKVCache,
                     VarianceNormalizedKVCache, OpaqueCache> auto&) { return "other"; }};
  std::string names;
  for (const auto& cache : one_of_each()) names += std::string(visit(*cache, name)) + " ";
  EXPECT_EQ(names, "plain window other other other other other window other other other ");
  // Nothing here takes a class that is yet to come, and what does is no visitor.
  static_assert(!std::is_invocable_v<decltype(name), const detail::ClassToCome&>);
}

TEST(Visit, ACacheThatMayChangeIsVisitedAsSuch) {
  ChunkedKVCache chunked(8);
  Cache& cache = chunked;
  visit(cache,
        PerClass{[](ChunkedKVCache& typed) { typed.mutable_state().start_position = 3; },
                 [](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, ArraysCache, CacheList, BatchKVCache,
                                BatchRotatingKVCache, TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) {}});
  EXPECT_EQ(as<ChunkedKVCache>(cache)->state().start_position, 3);
}

}  // namespace
}  // namespace kvcache
