// Models of two runtimes that cache different arrays for one architecture.
#include "format/cached_forms.h"

#include <gtest/gtest.h>

#include "caches.h"

namespace {

using kvcache::Era;
using kvcache::EraSet;
using kvcache::detail::judge_form;
using kvcache::detail::model_type_of_name;

kvcache::PromptCache cache_of(std::int64_t heads, std::int64_t key_dim, std::int64_t value_dim) {
  kvcache::PromptCache cache;
  cache.layers.push_back(std::make_unique<kvcache::KVCache>(
      kvcache::KVCache::State{test::patterned(kvcache::Dtype::F16, {1, heads, 3, key_dim}, 1),
                              test::patterned(kvcache::Dtype::F16, {1, heads, 3, value_dim}, 2), "KVCache"}));
  return cache;
}

constexpr EraSet python{Era::P1, Era::P2, Era::P3, Era::P4, Era::R1};
constexpr EraSet swift{Era::S2, Era::S3, Era::S4, Era::S5};

TEST(CachedForms, KnowsModelsByTheirNames) {
  EXPECT_EQ(model_type_of_name("mlx-community/DeepSeek-V3-0324-4bit"), "deepseek_v3");
  EXPECT_EQ(model_type_of_name("/models/deepseek_r1"), "deepseek_v3");
  EXPECT_EQ(model_type_of_name("mlx-community/GLM-4.7-Flash-8bit"), "glm4_moe_lite");
  EXPECT_EQ(model_type_of_name("DeepSeek-R1-Distill-Qwen-7B"), std::nullopt);
  EXPECT_EQ(model_type_of_name("mlx-community/DeepSeek-V3.2-4bit"), std::nullopt);
  EXPECT_EQ(model_type_of_name("mlx-community/Llama-3.2-3B"), std::nullopt);
}

TEST(CachedForms, RefusesWhatAKnownModelWouldMisread) {
  const auto latents = cache_of(1, 512, 64);
  EXPECT_NE(judge_form(latents, python, Era::S3, "deepseek_v3").wrong, "");
  EXPECT_NE(judge_form(latents, python, Era::S5, "glm4_moe_lite").wrong, "");
  EXPECT_EQ(judge_form(latents, python, Era::P5, "deepseek_v3").wrong, "");
  EXPECT_NE(judge_form(latents, python, Era::P1, "deepseek_v3").wrong, "") << "latents since 0.30.6";
  const auto heads = cache_of(4, 192, 128);
  EXPECT_NE(judge_form(heads, swift, Era::P3, "deepseek_v3").wrong, "");
  EXPECT_EQ(judge_form(heads, swift, Era::P3, "deepseek_v2").wrong, "") << "per head in both";
  EXPECT_EQ(judge_form(heads, python, Era::S3, "deepseek_v3").wrong, "") << "as mlx-lm had it before 0.30.6";
  const auto joined = cache_of(1, 576, 512);
  EXPECT_NE(judge_form(joined, swift, Era::P3, "glm4_moe_lite").wrong, "");
  EXPECT_NE(judge_form(cache_of(1, 576, 0), swift, Era::P5, "glm4_moe_lite").wrong, "");
  EXPECT_EQ(judge_form(joined, swift, Era::S5, "glm4_moe_lite").wrong, "");
  EXPECT_EQ(judge_form(latents, python, Era::S3, "llama").wrong, "");
}

TEST(CachedForms, DoubtsShapesOfAnUnknownModel) {
  const auto doubts = [](const kvcache::PromptCache& cache, EraSet from, Era target) {
    const auto verdict = judge_form(cache, from, target, std::nullopt);
    EXPECT_EQ(verdict.wrong, "");
    return !verdict.doubtful.empty();
  };
  EXPECT_TRUE(doubts(cache_of(1, 512, 64), python, Era::S3));
  EXPECT_TRUE(doubts(cache_of(1, 576, 512), swift, Era::P3));
  EXPECT_TRUE(doubts(cache_of(8, 192, 128), swift, Era::P5));
  EXPECT_FALSE(doubts(cache_of(8, 192, 128), python, Era::S3)) << "both per head";
  EXPECT_FALSE(doubts(cache_of(1, 64, 64), python, Era::S3)) << "one head is nothing unusual";
  EXPECT_FALSE(doubts(cache_of(1, 512, 64), python, Era::P5)) << "the same runtime";
}

}  // namespace
