// What the layers of one file have in common: batch size (KV501) and offset (KV502).
#include <gtest/gtest.h>

#include "support/places.h"

namespace {

using kvcache::Cache;
using Layers = std::vector<std::unique_ptr<Cache>>;

std::unique_ptr<Cache> plain(std::int64_t batch, std::int64_t rows) {
  return std::make_unique<kvcache::KVCache>(kvcache::KVCache::State{
      .keys = test::zeros({batch, 2, rows, 8}), .values = test::zeros({batch, 2, rows, 8}), .alias = "KVCache"});
}

std::unique_ptr<Cache> window(std::int64_t rows, std::int64_t offset) {
  return std::make_unique<kvcache::RotatingKVCache>(kvcache::RotatingKVCache::State{.keys = test::zeros({1, 2, rows, 8}),
                                                                                    .values = test::zeros({1, 2, rows, 8}),
                                                                                    .keep = 0,
                                                                                    .max_size = rows,
                                                                                    .offset = offset,
                                                                                    .idx = rows,
                                                                                    .origin = {}});
}

template <typename... Caches>
Layers layers(Caches... caches) {
  Layers out;
  (out.push_back(std::move(caches)), ...);
  return out;
}

kvcache::Findings check(Layers layers) {
  kvcache::Document document;
  document.sources.resize(layers.size());
  document.cache.layers = std::move(layers);
  kvcache::Findings findings;
  kvcache::detail::check_across_layers(kvcache::detail::places(document), findings);
  return findings;
}

TEST(AcrossLayers, SameBatchAndOffset) {
  EXPECT_EQ(test::codes_of(check(layers(plain(2, 6), plain(2, 6)))), "");
}

TEST(AcrossLayers, BatchSizesDiffer) {
  const auto findings = check(layers(plain(1, 6), plain(1, 6), plain(2, 6), plain(3, 6)));
  ASSERT_EQ(test::codes_of(findings), "KV501") << "one finding, however many layers differ";
  EXPECT_EQ(findings[0].where.text(), "layer 2");
  EXPECT_EQ(findings[0].message,
            "batch size 2 (and 1 more that differ), but layer 0 has 1: layers of one cache hold the same sequences");
}

TEST(AcrossLayers, OffsetsDiffer) {
  const auto findings = check(layers(plain(1, 10), plain(1, 10), plain(1, 12)));
  ASSERT_EQ(test::codes_of(findings), "KV502");
  EXPECT_EQ(findings[0].where.text(), "layer 2");
  EXPECT_EQ(findings[0].severity, kvcache::Severity::warning) << "a draft model's layers may follow";
}

TEST(AcrossLayers, WindowsCountWithTheirOffset) {
  EXPECT_EQ(test::codes_of(check(layers(plain(1, 20), window(8, 20)))), "");
  EXPECT_EQ(test::codes_of(check(layers(plain(1, 20), window(8, 21)))), "KV502");
}

TEST(AcrossLayers, AnUnusedLayerAmongUsedOnesHasNoTokens) {
  const auto findings = check(layers(plain(2, 6), plain(2, 6), std::make_unique<kvcache::KVCache>()));
  ASSERT_EQ(test::codes_of(findings), "KV502");
  EXPECT_EQ(findings[0].where.text(), "layer 2");
  EXPECT_EQ(test::codes_of(check(layers(std::make_unique<kvcache::KVCache>(), std::make_unique<kvcache::KVCache>()))), "");
}

TEST(AcrossLayers, ChildrenCountAsLayers) {
  auto list = std::make_unique<kvcache::CacheList>(layers(plain(1, 6), plain(2, 6)));
  const auto findings = check(layers(plain(1, 6), std::move(list)));
  ASSERT_EQ(test::codes_of(findings), "KV501");
  EXPECT_EQ(findings[0].where.text(), "layer 1 child 1");
}

TEST(Places, ListsComeBeforeTheirChildren) {
  kvcache::Document document;
  document.sources.resize(2);
  document.cache.layers = layers(std::make_unique<kvcache::CacheList>(layers(plain(1, 6), plain(1, 6))), plain(1, 6));
  std::string where;
  for (const auto& place : kvcache::detail::places(document)) where += place.where.text() + "; ";
  EXPECT_EQ(where, "layer 0; layer 0 child 0; layer 0 child 1; layer 1; ");
}

}  // namespace
