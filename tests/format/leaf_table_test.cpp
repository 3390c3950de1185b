// mlx-lm 0.32: the whole state of a layer as arrays, with a table that says which of them stand for something else
// (docs/formats.md, "A table of leaves").
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "caches.h"
#include "files.h"
#include "kvcache/error.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::cache_of;

Encoded encoded(std::unique_ptr<Cache> layer) {
  return encode(cache_of(std::move(layer)), Era::P5);
}

Tensor scalar(std::int32_t value) {
  return Tensor::of_i32(std::span(&value, 1)).reshape({});
}

/// Replace or remove (nothing) a tensor.
Encoded with(Encoded file, const std::string& key, std::optional<Tensor> tensor) {
  std::erase_if(file.tensors, [&](const NamedTensor& t) { return t.key == key; });
  if (tensor) file.tensors.push_back({key, *tensor});
  return file;
}

/// Without the row of the table that names a tensor; later rows move up.
Encoded without_row(Encoded file, const std::string& key) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::size_t k = 1; file.metadata.contains(fmt::format("2.{}.0", k)); ++k) {
    rows.emplace_back(file.metadata.at(fmt::format("2.{}.0", k)), file.metadata.at(fmt::format("2.{}.1", k)));
    file.metadata.erase(fmt::format("2.{}.0", k));
    file.metadata.erase(fmt::format("2.{}.1", k));
  }
  std::erase_if(rows, [&](const auto& row) { return row.first == key; });
  for (std::size_t k = 0; k < rows.size(); ++k) {
    file.metadata[fmt::format("2.{}.0", k + 1)] = rows[k].first;
    file.metadata[fmt::format("2.{}.1", k + 1)] = rows[k].second;
  }
  return file;
}

/// Without a leaf that is named by the table.
Encoded without(Encoded file, const std::string& key) {
  return with(without_row(std::move(file), key), key, std::nullopt);
}

/// As version 0.1 of this tool began the table.
Encoded with_pair(Encoded file) {
  file.metadata.erase("2.0");
  file.metadata["2.0.0"] = "";
  file.metadata["2.0.1"] = "";
  return file;
}

Document read(const Encoded& file) {
  static const test::Folder folder;
  return test::written(folder, file);
}

template <typename Class>
const Class& layer(const Document& document) {
  return dynamic_cast<const Class&>(*document.cache.layers.at(0));
}

std::string codes(const Encoded& file) {
  return test::codes_in(read(file).findings);
}

TEST(LeafTable, SectionsAndRows) {
  PromptCache cache = cache_of(test::plain());
  cache.metadata["model"] = "m";
  const Encoded file = encode(cache, Era::P5);
  EXPECT_EQ(file.metadata,
            (Metadata{{"0.model", "m"}, {"1.0", "KVCache"}, {"2.0", ""}, {"2.1.0", "0.2"}, {"2.1.1", "scalar"}}));
  EXPECT_TRUE(file.warnings.empty());
  EXPECT_EQ(read(file).cache.metadata, cache.metadata);
}

// Layers come in the order of their numbers, not of their keys.
TEST(LeafTable, RowsAreInTheOrderOfLayers) {
  PromptCache cache;
  for (int i = 0; i < 12; ++i) cache.layers.push_back(test::plain());
  const Encoded file = encode(cache, Era::P5);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(file.metadata.at(fmt::format("2.{}.0", i + 1)), fmt::format("{}.2", i));
}

TEST(LeafTable, WhatEachClassStores) {
  const auto rows = [](const Encoded& file) {
    std::string out;
    for (std::size_t k = 1; file.metadata.contains(fmt::format("2.{}.0", k)); ++k)
      out += fmt::format("{}{} {}", k == 1 ? "" : ", ", file.metadata.at(fmt::format("2.{}.0", k)),
                         file.metadata.at(fmt::format("2.{}.1", k)));
    return out;
  };
  EXPECT_EQ(rows(encoded(test::rotating())), "0.2 scalar, 0.3 scalar, 0.4 scalar, 0.5 scalar");
  EXPECT_EQ(rows(encoded(test::quantized())), "0.2 scalar, 0.3 scalar, 0.4 scalar");
  EXPECT_EQ(rows(encoded(test::chunked())), "0.2 scalar, 0.3 scalar, 0.4 scalar");
  EXPECT_EQ(rows(encoded(test::arrays("s-"))), "0.0.1 none, 0.1 none, 0.2 none");
  EXPECT_EQ(rows(encoded(test::batch())), "0.4 scalar");
  EXPECT_EQ(rows(encoded(test::batch_rotating())), "0.4 scalar, 0.5 scalar, 0.6 scalar, 0.7 scalar");
  EXPECT_EQ(rows(encoded(test::list(test::plain(), test::arrays("s")))),
            "0.0.0.2 scalar, 0.0.1 string, 0.1.0.1 none, 0.1.0.2 none, 0.1.1 string");
  EXPECT_EQ(rows(encoded(std::make_unique<KVCache>())), "0.0 none, 0.1 none, 0.2 scalar");
  EXPECT_EQ(rows(encoded(std::make_unique<QuantizedKVCache>(64, 4))), "0.0 none, 0.1 none, 0.2 scalar, 0.3 scalar, 0.4 scalar");
  const auto concatenate = std::make_unique<KVCache>(KVCache::State{test::keys(), test::values(), "ConcatenateKVCache"});
  EXPECT_EQ(rows(encoded(concatenate->copy())), "");
  EXPECT_EQ(layer<KVCache>(read(encoded(concatenate->copy()))).class_name(), "ConcatenateKVCache");
}

TEST(LeafTable, ChildrenOfListsAreNamedByStrings) {
  const Document document = read(encoded(test::list(test::mamba(), test::list(test::rotating(), test::quantized()))));
  EXPECT_EQ(test::codes_in(document.findings), "");
  const auto& outer = layer<CacheList>(document);
  EXPECT_EQ(outer.children()[0]->class_name(), "ArraysCache");
  const auto& inner = dynamic_cast<const CacheList&>(*outer.children()[1]);
  EXPECT_EQ(dynamic_cast<const RotatingKVCache&>(*inner.children()[0]).state().max_size, 8);
  EXPECT_EQ(dynamic_cast<const QuantizedKVCache&>(*inner.children()[1]).state().bits, 4);
}

TEST(LeafTable, AliasesOfOtherRuntimesBecomeTheClass) {
  const auto alias = [] { return std::make_unique<KVCache>(KVCache::State{test::keys(), test::values(), "StandardKvCache"}); };
  EXPECT_EQ(encoded(alias()).metadata.at("1.0"), "KVCache");
  const Document document = read(encoded(test::list(alias())));
  EXPECT_EQ(layer<CacheList>(document).children()[0]->class_name(), "KVCache");
}

// Buffers are saved whole: rows behind the offset are no tokens, but they are bytes of the file.
TEST(LeafTable, RowsBehindTheOffsetAreLeftOutAndCounted) {
  const auto stored = [](const Encoded& file) {
    const Document document = read(file);
    EXPECT_EQ(test::codes_in(document.findings), "");
    const Facts cut = document.cache.layers[0]->facts();
    const Facts whole = stored_facts(document, 0);
    EXPECT_EQ(cut.rows, 3);
    EXPECT_EQ(whole.rows, 5);
    EXPECT_EQ(whole.tokens, cut.tokens);
    EXPECT_EQ(whole.bytes * 3, cut.bytes * 5);
    EXPECT_EQ(whole.padding_bytes, whole.bytes - cut.bytes);
  };
  stored(with(encoded(test::plain()), "0.2", scalar(3)));
  stored(with(with(encoded(test::rotating()), "0.2", scalar(3)), "0.5", scalar(3)));
  stored(with(encoded(test::quantized()), "0.2", scalar(3)));
  stored(with(encoded(test::chunked()), "0.2", scalar(3)));
}

TEST(LeafTable, RowsOfListsAreThoseOfTheirChildren) {
  const Document document = read(with(encoded(test::list(test::plain(), test::plain())), "0.1.0.2", scalar(3)));
  const Facts facts = stored_facts(document, 0);
  EXPECT_EQ(facts.children[0].padding_bytes, 0U);
  EXPECT_EQ(facts.children[1].rows, 5);
  EXPECT_EQ(facts.padding_bytes, facts.children[1].padding_bytes);
  EXPECT_EQ(facts.bytes, 2 * facts.children[0].bytes);
}

// A chunked layer stores how many tokens it has seen; elsewhere that is only known from a layer beside it.
TEST(LeafTable, ChunksKnowTheirOffset) {
  ChunkedKVCache::State state{test::keys(4), test::values(4), 4, 4, std::int64_t{8}};
  const Encoded file = encode(cache_of(std::make_unique<ChunkedKVCache>(state), test::plain(5)), Era::P5);
  const Document document = read(file);
  EXPECT_EQ(layer<ChunkedKVCache>(document).offset(), 8) << "and not the 5 of the layer beside it";
  EXPECT_EQ(document.cache.layers[0]->facts().rows, 4);
  EXPECT_EQ(encode(document.cache, Era::P4).tensors[0].tensor.shape(), (Shape{1, 2, 8, 4})) << "as loaders before 0.32 need it";
}

// Nobody knows which rows hold tokens, so that none may be cut off.
TEST(LeafTable, ChunksWithoutAnOffsetAreRefused) {
  ChunkedKVCache::State state{test::keys(6), test::values(6), 4, 4, std::nullopt};
  const auto error = test::error_of([&] { (void)encoded(std::make_unique<ChunkedKVCache>(state)); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::impossible);
}

TEST(LeafTable, ScalarsOfOtherTypesAndRanks) {
  const std::int32_t three = 3;
  for (const Tensor& tensor :
       {Tensor::of_i32(std::span(&three, 1)), Tensor::of_i32(std::span(&three, 1)).reshape({1, 1, 1}),
        Tensor::of_bytes(Dtype::I64, {}, {std::byte{3}, {}, {}, {}, {}, {}, {}, {}}),
        Tensor::of_bytes(Dtype::U32, {1}, {std::byte{3}, {}, {}, {}}), Tensor::of_bytes(Dtype::U8, {}, {std::byte{3}})})
    EXPECT_EQ(read(with(encoded(test::plain()), "0.2", tensor)).cache.layers[0]->size(), 3);
}

// mlx-lm skips the first row unread.
TEST(LeafTable, AFirstRowOfAnyContent) {
  Encoded file = encoded(test::plain());
  file.metadata["2.0"] = "whatever";
  EXPECT_EQ(test::letters(read(file).candidates), "P5");
  file.metadata.erase("2.0");
  EXPECT_EQ(test::letters(read(file).candidates), "P5");
  file.metadata["2.0.0"] = "0.99";
  file.metadata["2.0.1"] = "scalar";
  EXPECT_EQ(codes(file), "");
}

// An older file whose first class is damaged to an empty text is not taken for one of 0.32.
TEST(LeafTable, AnEmptyClassOfAnOlderFile) {
  Encoded two = encode(cache_of(test::plain(), test::plain()), Era::P3);
  two.metadata["2.0"] = "";
  EXPECT_EQ(codes(two), "KV301");
  PromptCache cache = cache_of(test::plain());
  Encoded one = encode(cache, Era::P3);
  one.metadata["2.0"] = "";
  EXPECT_EQ(codes(one), "KV301");
  one.metadata["1.0"] = "numbered user metadata";
  EXPECT_EQ(codes(one), "KV301");
}

TEST(LeafTable, AnEmptyListIsNoCache) {
  const test::Folder folder;
  const auto error = test::error_of([&] { (void)test::written(folder, {}, {{"2.0", ""}}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), "KV122");
}

TEST(LeafTable, PaddingsAndLengthsInAnyCombination) {
  const std::vector<std::optional<Int32s>> choices = {std::nullopt, Int32s{}, Int32s{2}};
  for (const auto& left_padding : choices) {
    for (const auto& lengths : choices) {
      ArraysCache::State state = test::slots("s-s");
      state.left_padding = left_padding;
      state.lengths = lengths;
      const Document document = read(encoded(test::arrays(state)));
      EXPECT_EQ(test::codes_in(document.findings), "");
      const auto& again = layer<ArraysCache>(document).state();
      EXPECT_EQ(again.left_padding, left_padding);
      EXPECT_EQ(again.lengths, lengths);
      EXPECT_FALSE(again.slots[1].defined());
    }
  }
}

TEST(LeafTable, LayersThatWereNeverUsed) {
  for (const auto& cache :
       {test::list(std::make_unique<KVCache>(), test::arrays("--"))->copy(), std::make_unique<RotatingKVCache>(8, 2)->copy(),
        std::make_unique<ChunkedKVCache>(16)->copy(), std::make_unique<BatchKVCache>(Int32s{1, 0})->copy(),
        std::make_unique<BatchRotatingKVCache>(8, Int32s{1, 0})->copy()}) {
    const Document document = read(encoded(cache->copy()));
    EXPECT_EQ(test::codes_in(document.findings), "");
    EXPECT_TRUE(document.cache.layers[0]->empty());
    EXPECT_EQ(document.cache.layers[0]->batch_size(), cache->batch_size());
    EXPECT_EQ(test::contents_of(encode(document.cache, Era::P5)), test::contents_of(encoded(cache->copy())));
  }
}

// Its own loader fails on what it saved.
TEST(LeafTable, AnUnusedConcatenateKVCacheIsReadAndNeverWritten) {
  const auto unused = [] { return std::make_unique<KVCache>(KVCache::State{{}, {}, "ConcatenateKVCache"}); };
  EXPECT_EQ(test::error_of([&] { (void)encoded(unused()); })->kind(), ErrorKind::impossible);
  Encoded file = encoded(std::make_unique<KVCache>());
  file = without(file, "0.2");
  file.metadata["1.0"] = "ConcatenateKVCache";
  const Document document = read(file);
  EXPECT_EQ(test::codes_in(document.findings), "");
  EXPECT_EQ(encode(document.cache, Era::S4).metadata.at("2.0"), "KVCache");
}

// Version 0.1 of this tool took these forms for mlx-lm's.
TEST(LeafTable, TheFormOfVersion01IsReadAndMended) {
  const auto mended = [](const Encoded& early, const Encoded& now) {
    const Document document = read(with_pair(early));
    EXPECT_EQ(test::codes_in(document.findings), "");
    EXPECT_EQ(test::contents_of(encode(document.cache, Era::P5)), test::contents_of(now));
    return document.sources[0].early_form;
  };
  EXPECT_FALSE(mended(encoded(test::plain()), encoded(test::plain()))) << "mlx-lm 0.32 loads it";

  Encoded chunked = encoded(test::chunked());
  EXPECT_TRUE(mended(with(with(without(chunked, "0.4"), "0.2", scalar(8)), "0.3", scalar(0)), chunked));
  const Encoded batch = encoded(test::batch());
  EXPECT_TRUE(mended(without(batch, "0.4"), batch));
  const Encoded slots = encoded(test::arrays("ss"));
  EXPECT_TRUE(mended(without(without(slots, "0.1"), "0.2"), slots));
  ArraysCache::State state = test::slots("ss");
  state.lengths = Int32s{7};
  const Encoded lengths = encoded(test::arrays(state));
  EXPECT_TRUE(mended(without_row(lengths, "0.1"), lengths));
  Encoded concatenate = encoded(test::plain());
  concatenate.metadata["1.0"] = "ConcatenateKVCache";
  EXPECT_TRUE(mended(concatenate,
                     encoded(std::make_unique<KVCache>(KVCache::State{test::keys(), test::values(), "ConcatenateKVCache"}))));
  const Encoded list = encoded(test::list(test::batch()));
  EXPECT_TRUE(mended(without(list, "0.0.0.4"), list));
  // Rotated was a number.
  EXPECT_FALSE(mended(with(encoded(test::batch_rotating(true)), "0.7", scalar(1)), encoded(test::batch_rotating(true))));
}

// Only in that form: mlx-lm saves all leaves.
TEST(LeafTable, LeavesThatAreMissing) {
  EXPECT_EQ(codes(without(encoded(test::chunked()), "0.4")), "KV303");
  EXPECT_EQ(codes(without(encoded(test::batch()), "0.4")), "KV303");
  EXPECT_EQ(codes(without(without(encoded(test::arrays("ss")), "0.1"), "0.2")), "KV303");
  EXPECT_EQ(codes(without(encoded(test::plain()), "0.2")), "KV303");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", std::nullopt)), "KV492") << "which the table still names";
  EXPECT_EQ(codes(with(encoded(test::rotating()), "0.3", std::nullopt)), "KV492");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.1", std::nullopt)), "KV203");
  EXPECT_EQ(codes(with(encoded(test::list(test::plain(), test::plain())), "0.1.1", std::nullopt)), "KV492");
  EXPECT_EQ(codes(without(encoded(test::list(test::plain(), test::plain())), "0.1.1")), "KV313");
}

TEST(LeafTable, ALayerWithoutArrays) {
  Encoded file = encode(cache_of(test::plain(), test::plain()), Era::P5);
  for (const char* key : {"1.0", "1.1", "1.2"}) file = with(file, key, std::nullopt);
  EXPECT_EQ(codes(file), "KV302");
}

TEST(LeafTable, RowsThatDoNotFit) {
  const auto table = [](std::unique_ptr<Cache> cache, const char* key, const char* value) {
    Encoded file = encoded(std::move(cache));
    file.metadata[key] = value;
    return codes(file);
  };
  EXPECT_EQ(table(test::plain(), "2.1.1", "tensor"), "KV492");
  EXPECT_EQ(table(test::plain(), "2.1.1", "none"), "KV492");
  EXPECT_EQ(table(test::plain(), "2.1.1", "string"), "KV492");
  EXPECT_EQ(table(test::plain(), "2.1.0", "0.1"), "KV492") << "an array";
  EXPECT_EQ(table(test::rotating(), "2.2.0", "0.2"), "KV492 KV492") << "twice, and the second without a row";
  EXPECT_EQ(table(test::plain(), "2.2.0", "0.2"), "KV492") << "half a row";
  EXPECT_EQ(table(test::plain(), "2.01.0", "0.2"), "KV201");
  EXPECT_EQ(table(test::plain(), "2.1.2", "0.2"), "KV201");
  Encoded gap = encoded(test::plain());
  gap.metadata["2.9.0"] = "0.2";
  gap.metadata["2.9.1"] = "scalar";
  EXPECT_EQ(codes(gap), "KV203 KV492");
  EXPECT_EQ(codes(without_row(encoded(test::plain()), "0.2")), "KV492");
  EXPECT_EQ(codes(without_row(encoded(std::make_unique<KVCache>()), "0.0")), "KV303") << "keys of no rank, values None";
}

TEST(LeafTable, ValuesThatCannotBe) {
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", scalar(99))), "KV424");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", scalar(-1))), "KV424");
  EXPECT_EQ(codes(with(encoded(std::make_unique<KVCache>()), "0.2", scalar(1))), "KV424");
  EXPECT_EQ(codes(with(encoded(test::batch()), "0.4", scalar(99))), "KV424");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", test::keys())), "KV492");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", test::patterned(Dtype::F32, {}, 1))), "KV492");
  const auto huge = Tensor::of_bytes(Dtype::I64, {}, {{}, {}, {}, {}, std::byte{1}, {}, {}, {}});
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", huge)), "KV306");
}

TEST(LeafTable, ClassesItDoesNotHave) {
  for (const char* name : {"Weird", "MambaCache", "KVCacheSimple", ""}) {
    Encoded file = encoded(test::plain());
    file.metadata["1.0"] = name;
    EXPECT_EQ(codes(file), "KV301") << name;
  }
  // Characters beyond ASCII are one number each.
  const std::int32_t name[] = {0x4B, 0x6A21, 0x1F642};
  const Document document = read(with(encoded(test::list(test::plain())), "0.0.1", Tensor::of_i32(name)));
  ASSERT_EQ(test::codes_in(document.findings), "KV301");
  EXPECT_NE(document.findings[0].message.find("K模🙂"), std::string::npos) << document.findings[0].message;
}

TEST(LeafTable, KeysOutsideTheSections) {
  Encoded file = encoded(test::plain());
  file.metadata["3"] = "x";
  EXPECT_EQ(codes(file), "KV202");
}

}  // namespace
}  // namespace kvcache
