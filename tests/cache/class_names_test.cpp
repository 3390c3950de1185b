#include <gtest/gtest.h>

#include "cache/class_names.h"
#include "kvcache/caches.h"

namespace kvcache {
namespace {

using detail::class_name_of;
using detail::kind_of_class;

TEST(ClassNames, OfTheReferenceAndItsAliases) {
  int named = 0;
  for (int number = 0; number < 256; ++number) {
    const auto kind = static_cast<CacheKind>(number);
    if (class_name_of(kind).empty()) continue;
    EXPECT_EQ(kind_of_class(class_name_of(kind)), kind) << class_name_of(kind);
    ++named;
  }
  EXPECT_GE(named, 10);
  EXPECT_EQ(class_name_of(CacheKind::opaque), "");
  EXPECT_EQ(kind_of_class(""), std::nullopt);
  EXPECT_EQ(kind_of_class("kvcache"), std::nullopt);
  for (const char* alias : {"ConcatenateKVCache", "KVCacheSimple", "StandardKvCache"})
    EXPECT_EQ(kind_of_class(alias), CacheKind::kv) << alias;
  EXPECT_EQ(kind_of_class("MambaCache"), CacheKind::arrays);
}

TEST(ClassNames, AClassSaysItsOwn) {
  EXPECT_EQ(class_name_of(CacheKind::rotating), RotatingKVCache(8, 0).class_name());
  EXPECT_EQ(class_name_of(CacheKind::variance_normalized), VarianceNormalizedKVCache({}).class_name());
  EXPECT_TRUE(detail::is_concatenate(KVCache({.keys = {}, .values = {}, .alias = "ConcatenateKVCache"})));
  EXPECT_FALSE(detail::is_concatenate(KVCache()));
  // A layer that could not be decoded can have any name.
  EXPECT_FALSE(detail::is_concatenate(OpaqueCache({.class_name = "ConcatenateKVCache", .arrays = {}, .why = {}})));
}

}  // namespace
}  // namespace kvcache
