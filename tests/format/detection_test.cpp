// Which eras could have written a file: one class at a time, as far as the class tells
// (docs/formats.md, "Which era a file is of").
#include <gtest/gtest.h>

#include "caches.h"
#include "files.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

using test::cache_of;
using test::letters;

std::string writers(PromptCache cache, Era era) {
  const test::Folder folder;
  return letters(test::written(folder, encode(cache, era)).candidates);
}

TEST(Detection, PlainFilesTellOnlyPythonStyleFromSwift) {
  for (const Era era : {Era::P1, Era::P2, Era::P3, Era::P4, Era::R1})
    EXPECT_EQ(writers(cache_of(test::plain(), test::plain()), era), "P1 P2 P3 P4 R1");
  for (const Era era : {Era::S3, Era::S4, Era::S5}) EXPECT_EQ(writers(cache_of(test::plain()), era), "S2 S3 S4 S5");
}

TEST(Detection, WindowsByTheirNumberOfFields) {
  EXPECT_EQ(writers(cache_of(test::rotating()), Era::P3), "P2 P3 P4 R1");
  EXPECT_EQ(writers(cache_of(test::rotating()), Era::R1), "P2 P3 P4 R1");
  EXPECT_EQ(writers(cache_of(test::rotating()), Era::P1), "P1 S1 S2 S3");
  EXPECT_EQ(writers(cache_of(test::rotating()), Era::S3), "P1 S1 S2 S3");
  EXPECT_EQ(writers(cache_of(test::rotating()), Era::S4), "S4");
  EXPECT_EQ(writers(cache_of(test::rotating()), Era::S5), "S5");
}

TEST(Detection, QuantizedLayersByNestingAndFields) {
  EXPECT_EQ(writers(cache_of(test::quantized()), Era::P1), "P1");
  EXPECT_EQ(writers(cache_of(test::quantized()), Era::P4), "P2 P3 P4");
  EXPECT_EQ(writers(cache_of(test::quantized()), Era::S3), "S1 S2 S3 S4 S5");
  EXPECT_EQ(writers(cache_of(test::quantized()), Era::R1), "R1");
}

TEST(Detection, ChunkedFilesAreTheSameEverywhereButInS1) {
  EXPECT_EQ(writers(cache_of(test::chunked()), Era::P2), "P1 P2 P3 P4 S2 S3 S4 S5 R1");
  EXPECT_EQ(writers(cache_of(test::chunked(std::nullopt)), Era::S3), "S2 S3 S4 S5 R1");
}

TEST(Detection, SlotsByLayout) {
  EXPECT_EQ(writers(cache_of(test::arrays("sss"), test::plain()), Era::P3), "P1 P2 P3");
  EXPECT_EQ(writers(cache_of(test::mamba()), Era::P1), "P1 P2");
  EXPECT_EQ(writers(cache_of(test::arrays("sss")), Era::P4), "P4");
  EXPECT_EQ(writers(cache_of(test::arrays("s-s")), Era::R1), "S3 S4 S5 R1");
  EXPECT_EQ(writers(cache_of(test::mamba()), Era::S4), "S3 S4 S5 R1");
  ArraysCache::State with_lengths = test::slots("ss");
  with_lengths.lengths = Int32s{4};
  EXPECT_EQ(writers(cache_of(test::arrays(with_lengths)), Era::S3), "S3 S4 S5");
}

TEST(Detection, ListsByTheirChildren) {
  const auto of = [](Era era, auto... children) { return writers(cache_of(test::list(std::move(children)...)), era); };
  EXPECT_EQ(of(Era::P3, test::plain(), test::rotating()), "P3 P4");
  EXPECT_EQ(of(Era::P3, test::arrays("ss"), test::plain()), "P3");
  EXPECT_EQ(of(Era::P4, test::arrays("ss"), test::plain()), "P4");
  EXPECT_EQ(of(Era::S3, test::mamba(), test::chunked()), "S3 S4 S5 R1");
  EXPECT_EQ(of(Era::S3, test::mamba(), test::plain()), "S3 S4 S5");
  EXPECT_EQ(of(Era::R1, test::mamba(), test::plain()), "R1");
  EXPECT_EQ(of(Era::S3, test::mamba(), test::rotating()), "S3");
  EXPECT_EQ(of(Era::S4, test::mamba(), test::rotating()), "S4");
  EXPECT_EQ(of(Era::R1, test::mamba(), test::quantized()), "R1");
}

TEST(Detection, BatchesBySpelling) {
  EXPECT_EQ(writers(cache_of(test::batch()), Era::P2), "P1 P2 P3 P4 R1");
  EXPECT_EQ(writers(cache_of(test::batch_rotating()), Era::P2), "P2 P3 P4");
  EXPECT_EQ(writers(cache_of(test::batch_rotating(true)), Era::R1), "R1");
}

TEST(Detection, LayersTogetherTellMoreThanEach) {
  EXPECT_EQ(writers(cache_of(test::plain(), test::rotating()), Era::P1), "P1");
  EXPECT_EQ(writers(cache_of(test::plain(), test::rotating()), Era::S3), "S2 S3");
  EXPECT_EQ(writers(cache_of(test::plain(), test::quantized()), Era::R1), "R1");
}

TEST(Detection, ModelStateTurboAndUnusedLayers) {
  PromptCache with_state = cache_of(test::plain());
  with_state.model_state.emplace();
  EXPECT_EQ(writers(std::move(with_state), Era::S4), "S4 S5");
  EXPECT_EQ(writers(cache_of(test::turbo(), test::plain()), Era::S4), "S4 S5");
  EXPECT_EQ(writers(cache_of(std::make_unique<KVCache>(), test::plain()), Era::R1), "R1");
}

TEST(Detection, TheTableOfLeavesIsLikeNoOther) {
  EXPECT_EQ(writers(cache_of(test::plain()), Era::P5), "P5");
}

TEST(Detection, SaysWhatItGoesBy) {
  const test::Folder folder;
  const Document document = test::written(folder, encode(cache_of(test::plain(), test::rotating()), Era::P1));
  EXPECT_EQ(document.sources[0].evidence, std::vector<std::string>{"empty text as metadata"});
  EXPECT_EQ(document.sources[1].evidence, std::vector<std::string>{"5 metadata fields"});
}

TEST(Detection, LayersOfDifferentRuntimesAreAFinding) {
  const test::Folder folder;
  Encoded mixed = encode(cache_of(test::plain(), test::plain()), Era::P3);
  mixed.metadata.erase("0.1");
  mixed.metadata["0.1.0"] = "";  // as Swift writes it
  const Document document = test::written(folder, mixed);
  EXPECT_EQ(test::codes_in(document.findings), "KV503");
  EXPECT_EQ(document.format, nullptr);
  EXPECT_NE(document.findings[0].message.find("layer 1"), std::string::npos) << document.findings[0].message;
  EXPECT_NE(document.findings[0].message.find("layer 0"), std::string::npos) << document.findings[0].message;
}

// One layer alone can be impossible: then it is not compared with others.
TEST(Detection, ALayerThatNoEraWrites) {
  const test::Folder folder;
  Encoded file = encode(cache_of(test::arrays("ss")), Era::P3);
  file.metadata.erase("0.0");  // as early Swift, which had no class ArraysCache
  const Document document = test::written(folder, file);
  ASSERT_EQ(test::codes_in(document.findings), "KV503");
  EXPECT_EQ(document.findings[0].message,
            "layer 0 (ArraysCache: class ArraysCache, no metadata, slots are in one row) is of no known format: no program "
            "writes such a layer");
}

// What early Swift wrote under the wrong class is recognised by its metadata or its shapes.
TEST(Detection, EarlySwiftLabels) {
  const test::Folder folder;
  const Document chunked = test::written(folder, {{"0.0", test::keys()}, {"0.1", test::values()}},
                                         {{"0.0.0", "8"}, {"0.0.1", "0"}, {"2.0", "KVCache"}});
  EXPECT_EQ(letters(chunked.candidates), "S1");
  EXPECT_EQ(chunked.cache.layers[0]->class_name(), "ChunkedKVCache");
  EXPECT_EQ(test::codes_in(chunked.findings), "KV712");
  const Document slots =
      test::written(folder, {{"0.0", test::patterned(Dtype::F32, {1, 3}, 1)}}, {{"2.0", "KVCache"}, {"1.model", "m"}});
  EXPECT_EQ(letters(slots.candidates), "S1");
  EXPECT_EQ(slots.cache.layers[0]->class_name(), "ArraysCache");
}

TEST(Detection, OtherFilesAreNoPromptCaches) {
  const test::Folder folder;
  const auto code = [&](const Metadata& metadata) {
    try {
      (void)test::written(folder, {{"model.weight", test::keys()}}, metadata);
      return std::string("none");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unreadable);
      return error.code();
    }
  };
  EXPECT_EQ(code({}), "KV122");
  EXPECT_EQ(code({{"format", "mlx"}}), "KV122");
  EXPECT_EQ(code({{"2.0.0", "x"}, {"2.0.1", "y"}}), "KV123");
}

}  // namespace
}  // namespace kvcache
