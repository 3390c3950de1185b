// mlx-lm's layout of 2026-09-09, which is read leniently because no file of it was at hand.
#include <gtest/gtest.h>

#include "caches.h"
#include "files.h"

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

Document read(const Encoded& file) {
  static const test::Folder folder;
  return test::written(folder, file);
}

TEST(Provisional, WarnsWheneverItIsWritten) {
  ASSERT_EQ(encoded(test::plain()).warnings.size(), 1U);
  EXPECT_NE(encoded(test::plain()).warnings[0].find("provisional"), std::string::npos);
  EXPECT_TRUE(read(encoded(test::plain())).format->provisional);
}

TEST(Provisional, SectionsAndTableOfLeaves) {
  PromptCache cache = cache_of(test::plain());
  cache.metadata["model"] = "m";
  const Encoded file = encode(cache, Era::P5);
  EXPECT_EQ(
      file.metadata,
      (Metadata{{"0.model", "m"}, {"1.0", "KVCache"}, {"2.0.0", ""}, {"2.0.1", ""}, {"2.1.0", "0.2"}, {"2.1.1", "scalar"}}));
  EXPECT_EQ(read(file).cache.metadata, cache.metadata);
}

TEST(Provisional, ChildrenOfListsAreNamedByStrings) {
  const Document document = read(encoded(test::list(test::mamba(), test::list(test::rotating(), test::quantized()))));
  EXPECT_EQ(test::codes_in(document.findings), "");
  const auto& outer = dynamic_cast<const CacheList&>(*document.cache.layers[0]);
  EXPECT_EQ(outer.children()[0]->class_name(), "ArraysCache");
  const auto& inner = dynamic_cast<const CacheList&>(*outer.children()[1]);
  EXPECT_EQ(dynamic_cast<const RotatingKVCache&>(*inner.children()[0]).state().max_size, 8);
  EXPECT_EQ(dynamic_cast<const QuantizedKVCache&>(*inner.children()[1]).state().bits, 4);
}

TEST(Provisional, AliasesOfOtherRuntimesBecomeTheClass) {
  const auto alias = [] { return std::make_unique<KVCache>(KVCache::State{test::keys(), test::values(), "StandardKvCache"}); };
  EXPECT_EQ(encoded(alias()).metadata.at("1.0"), "KVCache");
  const Document document = read(encoded(test::list(alias())));
  EXPECT_EQ(dynamic_cast<const CacheList&>(*document.cache.layers[0]).children()[0]->class_name(), "KVCache");
}

TEST(Provisional, RowsBehindTheOffsetArePadding) {
  const Document plain = read(with(encoded(test::plain()), "0.2", scalar(3)));
  EXPECT_EQ(plain.cache.layers[0]->size(), 3);
  EXPECT_EQ(plain.cache.layers[0]->facts().rows, 3);
  const Document ring = read(with(encoded(test::rotating()), "0.2", scalar(3)));
  EXPECT_EQ(ring.cache.layers[0]->facts().rows, 3);
  const Document codes = read(with(encoded(test::quantized()), "0.2", scalar(3)));
  EXPECT_EQ(codes.cache.layers[0]->facts().rows, 3);
}

TEST(Provisional, ScalarsOfOtherTypesAndRankOne) {
  const std::int32_t three = 3;
  for (const Tensor& tensor :
       {Tensor::of_i32(std::span(&three, 1)), Tensor::of_bytes(Dtype::I64, {}, {std::byte{3}, {}, {}, {}, {}, {}, {}, {}}),
        Tensor::of_bytes(Dtype::U32, {1}, {std::byte{3}, {}, {}, {}})})
    EXPECT_EQ(read(with(encoded(test::plain()), "0.2", tensor)).cache.layers[0]->size(), 3);
}

TEST(Provisional, TextAsBytes) {
  std::vector<std::byte> name;
  for (const char c : std::string_view("KVCache")) name.push_back(static_cast<std::byte>(c));
  const Document document =
      read(with(encoded(test::list(test::plain())), "0.0.1", Tensor::of_bytes(Dtype::U8, {7}, std::move(name))));
  EXPECT_EQ(test::codes_in(document.findings), "");
}

TEST(Provisional, PaddingsAndLengthsInAnyCombination) {
  for (const bool padding : {false, true}) {
    for (const bool lengths : {false, true}) {
      ArraysCache::State state = test::slots("ss");
      if (padding) state.left_padding = Int32s{2};
      if (lengths) state.lengths = Int32s{7};
      const Document document = read(encoded(test::arrays(state)));
      EXPECT_EQ(test::codes_in(document.findings), "");
      const auto& again = dynamic_cast<const ArraysCache&>(*document.cache.layers[0]).state();
      EXPECT_EQ(again.left_padding, state.left_padding);
      EXPECT_EQ(again.lengths, state.lengths);
    }
  }
}

// mlx-lm may well leave a None out, so that only the lengths are there.
TEST(Provisional, AnAbsentLeftPaddingIsNone) {
  ArraysCache::State state = test::slots("ss");
  state.lengths = Int32s{7};
  const Document document = read(with(encoded(test::arrays(state)), "0.1", std::nullopt));
  EXPECT_EQ(test::codes_in(document.findings), "");
  const auto& again = dynamic_cast<const ArraysCache&>(*document.cache.layers[0]).state();
  EXPECT_EQ(again.left_padding, std::nullopt);
  EXPECT_EQ(again.lengths, Int32s{7});
}

TEST(Provisional, BrokenFiles) {
  const auto codes = [](const Encoded& file) { return test::codes_in(read(file).findings); };
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", std::nullopt)), "KV492 KV303");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", scalar(99))), "KV424");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", scalar(-1))), "KV424");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", test::keys())), "KV492");
  EXPECT_EQ(codes(with(encoded(test::plain()), "0.2", test::patterned(Dtype::F32, {}, 1))), "KV492");
  Encoded odd_class = encoded(test::plain());
  odd_class.metadata["1.0"] = "Weird";
  EXPECT_EQ(codes(odd_class), "KV301");
  Encoded no_child = with(encoded(test::list(test::plain(), test::plain())), "0.1.1", std::nullopt);
  EXPECT_NE(codes(no_child).find("KV313"), std::string::npos);
}

}  // namespace
}  // namespace kvcache
