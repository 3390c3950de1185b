// The grammar of keys: what is no index path, what is missing, what is in the wrong place.
#include "format/index_paths.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "caches.h"
#include "files.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::keys;
using test::values;

/// Codes for a file of one plain layer to which something is added.
std::string codes(const Metadata& more, const std::vector<std::string>& tensors = {}) {
  const test::Folder folder;
  Encoded file = encode(test::cache_of(test::plain()), Era::P3);
  for (const auto& [key, value] : more) file.metadata[key] = value;
  for (const std::string& key : tensors) file.tensors.push_back({key, keys()});
  return test::codes_in(test::written(folder, file).findings);
}

TEST(Layout, IndicesAreCanonicalDecimals) {
  EXPECT_EQ(detail::parse_index("0"), 0U);
  EXPECT_EQ(detail::parse_index("170"), 170U);
  for (const char* text : {"", "01", "+1", "-1", " 1", "1_0", "1.0", "x", "٣", "9999999999999999999", "18446744073709551616",
                           "99999999999999999999"})
    EXPECT_EQ(detail::parse_index(text), std::nullopt) << text;
}

TEST(Layout, KeysThatAreNoPaths) {
  for (const char* key : {"0.01", "0.+1", "0.1_0", "0. 1", "0.", "0.x", "0.0.", "2.01", "2.x", "2.0.0", "2."})
    EXPECT_EQ(codes({{key, ""}}), "KV201") << key;
  for (const char* key : {"0.01", "0", "x.0", ".0", "0.", "٣.0"}) EXPECT_EQ(codes({}, {key}), "KV201") << key;
}

TEST(Layout, HasALimitOfLayers) {
  Metadata classes;
  for (int i = 0; i < 16'384; ++i) classes[std::to_string(i).insert(0, "2.")] = "KVCache";
  const test::Folder folder;
  EXPECT_EQ(test::written(folder, {}, classes).cache.layers.size(), 16'384U);
  classes["2.16384"] = "KVCache";
  EXPECT_EQ(test::code_of([&] { static_cast<void>(test::written(folder, {}, classes)); }), "KV103");
}

TEST(Layout, KeysOutsideTheSections) {
  for (const char* key : {"format", "3", "3.0", "", "1", "-1.0"}) EXPECT_EQ(codes({{key, "mlx"}}), "KV202") << key;
}

TEST(Layout, Gaps) {
  EXPECT_EQ(codes({}, {"0.3"}), "KV203");
  EXPECT_EQ(codes({{"2.2", "KVCache"}, {"0.2", ""}}, {"2.0", "2.1"}), "KV203");
  EXPECT_EQ(codes({{"2.1", "RotatingKVCache"}, {"0.1.0", "1"}, {"0.1.4321", "1"}}, {"1.0", "1.1"}), "KV203");
}

TEST(Layout, WhatBelongsToNoLayer) {
  EXPECT_EQ(codes({}, {"5.0"}), "KV204");
  EXPECT_EQ(codes({{"0.5", ""}}), "KV204");
}

// A header has "10.0" before "2.0", and keys that are no paths may lie between those of one layer.
TEST(Layout, EachLayerHasItsOwnKeysWhateverTheirOrder) {
  PromptCache cache;
  for (int i = 0; i < 112; ++i) cache.layers.push_back(i % 2 == 0 ? test::plain() : test::rotating());
  Encoded file = encode(cache, Era::P3);
  for (const char* key : {"1.-", "1.0-", "10.", "10.0x", "10/"}) file.tensors.push_back({key, keys()});
  for (const char* key : {"0.1.-", "0.11.", "0.11.0-", "0.11.1 "}) file.metadata[key] = "9";
  const test::Folder folder;
  const Document document = test::written(folder, file);
  EXPECT_EQ(std::ranges::count(document.findings, "KV201", &Finding::code), 9);
  EXPECT_EQ(document.findings.size(), 9U);
  ASSERT_EQ(document.sources.size(), cache.layers.size());
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    ASSERT_TRUE(document.sources[i].decoded) << i;
    EXPECT_EQ(document.cache.layers[i]->kind(), cache.layers[i]->kind()) << i;
    std::vector<std::string> found;
    for (const std::size_t array : document.sources[i].arrays) found.push_back(document.file.header().tensors[array].key);
    EXPECT_EQ(found, (std::vector{fmt::format("{}.0", i), fmt::format("{}.1", i)}));
  }
}

TEST(Layout, AValueAndAListAtOnePath) {
  EXPECT_EQ(codes({{"0.0.0", "x"}}), "KV205");
  EXPECT_EQ(codes({}, {"0.0.0"}), "KV205");
}

TEST(Layout, PathsWithAbsurdlyManyComponents) {
  std::string path = "0";
  for (int i = 0; i < 100000; ++i) path += ".0";
  EXPECT_EQ(codes({{path, ""}}), "KV207");
  EXPECT_EQ(codes({}, {path}), "KV207");
}

TEST(Layout, ListsNestedTooDeep) {
  std::unique_ptr<Cache> nest = test::plain();
  for (int i = 0; i < 70; ++i) nest = test::list(std::move(nest));
  const test::Folder folder;
  const Document document = test::written(folder, encode(test::cache_of(std::move(nest)), Era::P3));
  EXPECT_NE(test::codes_in(document.findings).find("KV207"), std::string::npos);
  EXPECT_FALSE(document.sources[0].decoded);
}

TEST(Layout, UserKeysAreTakenAsTheyAre) {
  const test::Folder folder;
  PromptCache cache = test::cache_of(test::plain());
  cache.metadata = {{"", "empty"}, {"a.b", "dots"}, {"4321", "large"}, {"2.0", "class?"}};
  EXPECT_EQ(test::written(folder, encode(cache, Era::P3)).cache.metadata, cache.metadata);
}

}  // namespace
}  // namespace kvcache
