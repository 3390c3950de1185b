// Files of mlx-lm 0.32 and all others: who loads what, and who does not say so (docs/formats.md, "A table of leaves").
#include <gtest/gtest.h>

#include "kvcache/caches.h"
#include "kvcache/verify.h"
#include "support/sample.h"

namespace {

using kvcache::Era;
using kvcache::Tensor;
using test::ones;

/// A cache of one layer, or of two, in a file of an era.
class Written {
 public:
  Written(const kvcache::Cache& layer, int layers, bool user_metadata, Era era) {
    kvcache::PromptCache cache;
    for (int i = 0; i < layers; ++i) cache.layers.push_back(layer.copy());
    if (user_metadata) cache.metadata["model"] = "m";
    const kvcache::Encoded encoded = kvcache::encode(cache, era);
    path_ = folder_ / "a b.safetensors";
    kvcache::write_safetensors(path_, encoded.tensors, encoded.metadata, {});
  }
  [[nodiscard]] kvcache::FileReport verify(const kvcache::VerifyOptions& options = {}) const {
    return kvcache::verify_file(path_, options);
  }
  [[nodiscard]] std::string codes() const { return test::codes_of(verify().findings); }
  [[nodiscard]] std::string reason(Era loader) const { return verify().loads_in.at(loader).reason; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  test::Folder folder_;
  std::string path_;
};

const kvcache::KVCache plain_cache({ones({1, 2, 6, 8}), ones({1, 2, 6, 8}), "KVCache"});

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

TEST(LeafTable, FilesThatLoadAsNothing) {
  EXPECT_EQ(Written(plain_cache, 2, false, Era::P5).codes(), "KV715") << "older releases take it for an empty list";
  EXPECT_EQ(Written(plain_cache, 2, true, Era::P5).codes(), "");
  for (const Era era : {Era::P1, Era::P3, Era::S3, Era::S4, Era::R1}) {
    EXPECT_EQ(Written(plain_cache, 1, false, era).codes(), "KV715") << "0.32 takes it for an empty list";
    EXPECT_EQ(Written(plain_cache, 2, false, era).codes(), "");
    EXPECT_EQ(Written(plain_cache, 1, true, era).codes(), "");
  }
}

TEST(LeafTable, ReasonsSayWhetherThereIsAnError) {
  const Written silent(plain_cache, 1, false, Era::P5);
  for (const Era loader : {Era::P2, Era::P3, Era::P4})
    EXPECT_TRUE(says(silent.reason(loader), "without an error")) << silent.reason(loader);
  EXPECT_TRUE(says(silent.reason(Era::P1), "KeyError"));
  EXPECT_TRUE(says(Written(plain_cache, 1, true, Era::P5).reason(Era::P3), "KeyError"));
  EXPECT_TRUE(says(silent.reason(Era::S4), "mismatch"));
  EXPECT_EQ(silent.reason(Era::P5), "");

  EXPECT_TRUE(says(Written(plain_cache, 1, false, Era::P3).reason(Era::P5), "without an error"));
  EXPECT_TRUE(says(Written(plain_cache, 1, true, Era::P3).reason(Era::P5), "KeyError"));
  EXPECT_TRUE(says(Written(plain_cache, 2, false, Era::P3).reason(Era::P5), "ValueError"));
}

TEST(LeafTable, TheWayOutNamesTheFile) {
  const Written file(plain_cache, 1, false, Era::P3);
  const auto verdict = file.verify().loads_in.at(Era::P5);
  EXPECT_EQ(verdict.fix.text(), "convert(to=mlx-lm@0.32)");
  EXPECT_TRUE(says(file.verify().findings.at(0).remedy.text(), "convert(to=mlx-lm@0.32)"));
}

// What it saves and cannot go on with.
TEST(LeafTable, LayersThatItsOwnLoaderFailsOn) {
  const kvcache::BatchRotatingKVCache window({ones({2, 2, 4, 8}), ones({2, 2, 4, 8}), {4, 3}, {0, 1}, 8, 4, 4, false});
  const Written batch(window, 2, true, Era::P5);
  EXPECT_EQ(batch.codes(), "KV702");
  EXPECT_TRUE(says(batch.reason(Era::P5), "raises"));
}

// Zero rows within the offset are tokens, and rows behind it are nothing that anybody reads.
TEST(LeafTable, ZeroRowsAtTheEndAreTokens) {
  const auto zeros = Tensor::zeros(kvcache::Dtype::F16, {1, 2, 6, 8});
  const Written file(kvcache::KVCache({zeros, zeros, "KVCache"}), 2, true, Era::P5);
  EXPECT_EQ(test::codes_of(file.verify(test::with_data()).findings), "");
}

}  // namespace
