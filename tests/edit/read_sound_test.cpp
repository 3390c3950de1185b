#include <gtest/gtest.h>

#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "support/errors.h"
#include "support/sample.h"

namespace {

using test::ones;
using test::Sample;

TEST(ReadSound, PassesSoundFilesOn) {
  Sample sample;
  EXPECT_EQ(kvcache::read_sound_document(sample.kv().write()).cache.layers.size(), 1U);
}

TEST(ReadSound, RefusesErrorsWithTheFirstOne) {
  Sample sample;
  sample.kv().layer("RotatingKVCache", {"0", "8", "20", "7"}, {{"0", ones({1, 2, 7, 8})}, {"1", ones({1, 2, 7, 8})}});
  const auto error = test::error_of([&] { (void)kvcache::read_sound_document(sample.write()); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), kvcache::ErrorKind::impossible);
  EXPECT_EQ(error->code(), "KV413");
  EXPECT_EQ(
      std::string(error->what()),
      "layer 1: only 7 rows after 20 tokens with max_size 8: a full window keeps at least 8 rows, so tokens are lost (KV413)");
  EXPECT_NE(error->remedy().text().find("lists everything"), std::string::npos);
}

TEST(ReadSound, LetsWritingRepairChunkedLayers) {
  Sample sample;
  sample.kv(40).layer("ChunkedKVCache", {"32", "8"}, {{"0", ones({1, 2, 32, 8})}, {"1", ones({1, 2, 32, 8})}});
  EXPECT_EQ(sample.codes(), "KV432");
  EXPECT_NO_THROW((void)kvcache::read_sound_document(sample.write()));
}

}  // namespace
