// Files of mlx-lm 0.18: no classes, only keys and values by layer.
#include <gtest/gtest.h>

#include "caches.h"
#include "files.h"

namespace kvcache {
namespace {

using test::keys;
using test::values;

Document legacy(const Metadata& metadata = {{"model", "m"}, {"max_kv_size", "None"}}) {
  static const test::Folder folder;
  return test::written(folder, {{"0_keys", keys()}, {"0_values", values()}, {"1_keys", keys()}, {"1_values", values()}},
                       metadata);
}

TEST(Legacy, PlainLayers) {
  const Document document = legacy();
  EXPECT_TRUE(document.findings.empty());
  EXPECT_EQ(document.format->id, "mlx-lm@0.18");
  ASSERT_EQ(document.cache.layers.size(), 2U);
  EXPECT_EQ(document.cache.layers[1]->class_name(), "KVCache");
  EXPECT_EQ(document.cache.layers[1]->size(), test::tokens);
  EXPECT_EQ(document.cache.metadata.at("model"), "m");
}

TEST(Legacy, AWindowPinsFourTokensAsTheOldLoaderDid) {
  const Document document = legacy({{"max_kv_size", "64"}});
  const auto& ring = dynamic_cast<const RotatingKVCache&>(*document.cache.layers[0]);
  EXPECT_EQ(ring.state().keep, 4);
  EXPECT_EQ(ring.state().max_size, 64);
  EXPECT_EQ(ring.state().offset, test::tokens);
  EXPECT_EQ(ring.state().idx, test::tokens);
}

TEST(Legacy, ConvertsToEveryCurrentFormat) {
  const Document document = legacy();
  for (const Dialect& d : dialects()) {
    if (!d.writable) continue;
    EXPECT_FALSE(encode(document.cache, d.era).tensors.empty()) << d.id;
  }
}

TEST(Legacy, BrokenFiles) {
  const test::Folder folder;
  const auto codes = [&](const std::vector<NamedTensor>& tensors, const Metadata& metadata = {}) {
    return test::codes_in(test::written(folder, tensors, metadata).findings);
  };
  EXPECT_EQ(codes({{"0_keys", keys()}}), "KV314");
  EXPECT_EQ(codes({{"1_keys", keys()}, {"1_values", values()}}), "KV314");
  EXPECT_EQ(codes({{"0_keys", keys()}, {"0_values", values()}, {"lm_head.weight", keys()}}), "KV314");
  EXPECT_EQ(codes({{"0_keys", keys()}, {"0_values", values()}}, {{"max_kv_size", "-1"}}), "KV305");
  EXPECT_EQ(codes({{"0_keys", keys(3)}, {"0_values", values(4)}}), "KV309");
}

}  // namespace
}  // namespace kvcache
