// KV7xx: what loaders of other versions and runtimes do to a file that is sound in itself.
#include <gtest/gtest.h>

#include "support/sample.h"

namespace {

using kvcache::Dtype;
using kvcache::Tensor;
using test::ones;
using test::Sample;

std::vector<kvcache::NamedTensor> keys_values() {
  return {{"0", ones({1, 2, 6, 8})}, {"1", ones({1, 2, 6, 8})}};
}

TEST(Portability, NothingToSayAboutAPlainCache) {
  EXPECT_EQ(Sample().kv().kv().codes(), "");
}

TEST(Portability, BatchedWindows) {
  const std::vector<std::int32_t> offset{8, 8};
  const std::vector<std::int32_t> padding{0, 0};
  const std::vector<kvcache::NamedTensor> arrays{
      {"0", ones({2, 2, 8, 8})}, {"1", ones({2, 2, 8, 8})}, {"2", Tensor::of_i32(offset)}, {"3", Tensor::of_i32(padding)}};
  EXPECT_EQ(Sample().layer("BatchRotatingKVCache", {"8", "8", "8", "False"}, arrays).codes(), "KV701 KV702");
  EXPECT_EQ(Sample().layer("BatchRotatingKVCache", {"8", "20", "2", "True"}, arrays).codes(), "KV702");
}

TEST(Portability, SlotsOfRecurrentLayers) {
  const auto slot = ones({1, 3, 4});
  EXPECT_EQ(Sample().layer("ArraysCache", {""}, {{"0", slot}, {"1", slot}}).codes(), "");
  EXPECT_EQ(Sample().layer("ArraysCache", {""}, {{"0", slot}, {"1", slot}, {"2", slot}}).codes(), "KV704");
  EXPECT_EQ(Sample().layer("MambaCache", {""}, {{"0", slot}, {"1", slot}}).codes(), "KV709");
  const auto none = Tensor::zeros(Dtype::F32, {0});
  EXPECT_EQ(Sample().layer("ArraysCache", {""}, {{"0.0", slot}, {"0.1", slot}, {"1", none}, {"2", none}}).codes(),
            "KV708 KV705");
}

TEST(Portability, OneFindingForManyLayers) {
  Sample sample;
  for (int i = 0; i < 3; ++i) sample.layer("MambaCache", {""}, {{"0", ones({1, 3, 4})}, {"1", ones({1, 3, 4})}});
  const auto report = sample.verify();
  ASSERT_EQ(test::codes_of(report.findings), "KV709");
  EXPECT_EQ(report.findings[0].where.text(), "layer 0");
  EXPECT_NE(report.findings[0].message.find("2 more"), std::string::npos);
}

TEST(Portability, PythonDropsLayersAtTheEnd) {
  // Early Swift: no section 0 at all.
  Sample swift;
  swift.layer("KVCache", {}, keys_values()).layer("KVCache", {}, keys_values());
  const auto report = swift.verify();
  ASSERT_EQ(test::codes_of(report.findings), "KV706");
  EXPECT_NE(report.findings[0].message.find("zero caches"), std::string::npos) << report.findings[0].message;

  // mlxrs: the last layer was never used.
  EXPECT_EQ(Sample().kv().kv().layer("KVCache", {""}, {}).codes(), "KV502 KV706 KV711");
  EXPECT_EQ(Sample().kv().layer("KVCache", {""}, {}).kv().codes(), "KV502 KV711") << "in the middle nothing is dropped";

  // With a window at the end, Python gets as far as the last layer.
  Sample mixed;
  mixed.layer("KVCache", {}, keys_values()).layer("RotatingKVCache", {"0", "16", "256", "6", "6"}, keys_values());
  EXPECT_EQ(mixed.codes(), "");

  // mlx-lm refuses Swift's placeholder: nothing is dropped in silence.
  Sample refused;
  refused.layer("KVCache", {""}, keys_values());
  refused.metadata = {{"0.0.0", ""}, {"0.1.0", ""}, {"2.0", "KVCache"}, {"2.1", "KVCache"}};
  EXPECT_EQ(refused.codes(), "KV502 KV711");
}

TEST(Portability, UserKeys) {
  for (const char* const key : {"a.b", "0", "5", "", "4321", "-1", "with space", "\xC3\xBC"}) {
    Sample sample;
    sample.kv().metadata[std::string("1.") + key] = "x";
    EXPECT_EQ(sample.codes(), "KV707") << key;
  }
  for (const char* const key : {"model", "_n", "chat-template", "A9"}) {
    Sample sample;
    sample.kv().metadata[std::string("1.") + key] = "x";
    EXPECT_EQ(sample.codes(), "") << key;
  }
}

TEST(Portability, ManyBadUserKeysAreCounted) {
  Sample sample;
  sample.kv();
  for (int i = 0; i < 40; ++i) sample.metadata["1." + std::to_string(i)] = "x";
  const auto report = sample.verify();
  ASSERT_EQ(report.findings.size(), 11U);
  EXPECT_EQ(report.findings.back().message, "30 more user keys of that kind");
}

TEST(Portability, ArraysWithoutElements) {
  EXPECT_EQ(Sample().layer("KVCache", {""}, {{"0", ones({1, 1, 6, 8})}, {"1", ones({1, 1, 6, 0})}}).codes(), "KV708");
}

TEST(Portability, ModelState) {
  Sample sample;
  sample.layer("__mlx_lm_state_v1__:KVCache", {}, keys_values());
  sample.metadata["0.0.0"] = "";
  sample.metadata["1.__mlx_lm_state_version"] = "1";
  sample.metadata["1.__mlx_lm_state_count"] = "1";
  sample.metadata["1.__mlx_lm_state_0_key"] = "vlm.position";
  sample.tensors.push_back({"__mlx_lm_state_tensor_0", ones({1})});
  EXPECT_EQ(sample.codes(), "KV710");
}

TEST(Portability, ChunkSizeNone) {
  EXPECT_EQ(Sample().layer("ChunkedKVCache", {"None", "0"}, keys_values()).codes(), "KV713");
}

TEST(Portability, QuantizationModeWithoutBiases) {
  const auto codes = Tensor::zeros(Dtype::U32, {1, 2, 6, 8});
  const auto scales = ones({1, 2, 6, 2});
  Sample sample;
  sample.layer("QuantizedKVCache", {"256", "6", "32", "4"}, {{"0", codes}, {"1", scales}, {"2", codes}, {"3", scales}});
  EXPECT_EQ(sample.codes(), "KV714");
}

}  // namespace
