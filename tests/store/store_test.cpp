// What a store gives back, by examples.
#include "kvcache/store.h"

#include <gtest/gtest.h>

#include "caches.h"
#include "store/back_end.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : store_(new_store(folder_.str())) {
    store::Settings settings;
    settings.block = 4;
    store_.configure(settings);
  }

  store::Put put(const Model& model, std::string_view text, std::string label = {}, std::int64_t prefill = 1) {
    const TokenIds tokens = ids(text);
    store::PutOptions options;
    options.label = std::move(label);
    return store_.put(document_of(cache_of(model, tokens, static_cast<std::int64_t>(tokens.size()), prefill)),
                      {tokens, identity_}, options);
  }

  store::Got get(std::string_view text, std::int64_t leave = 1) {
    store::Query query;
    query.prompt = {ids(text), identity_};
    query.leave = leave;
    return store_.get(query);
  }

  /// That the hit is the cache of just the first `tokens` tokens.
  void expect_hit(const Model& model, std::string_view text, std::int64_t tokens, std::int64_t leave = 1,
                  std::int64_t prefill = 1) {
    const store::Got got = get(text, leave);
    ASSERT_EQ(got.match.resume_at, tokens) << text << ": " << got.match.reason;
    if (tokens == 0) return;
    EXPECT_EQ(text_of(got.cache), text_of(cache_of(model, ids(text), tokens, prefill))) << text;
    EXPECT_FALSE(got.match.entry.empty());
  }

  Folder folder_;
  store::Identity identity_ = store::identity_of_text("model");
  Store store_;
};

const Model plain{{LayerKind::plain, LayerKind::quantized}};
const Model hybrid{{LayerKind::plain, LayerKind::recurrent}};
const Model windows{{LayerKind::plain, LayerKind::window}};

TEST_F(StoreTest, GivesTheLongestCommonPrefixOfPlainRowsToTheToken) {
  put(plain, "abcdefghij");
  expect_hit(plain, "abcdefghij", 9);
  expect_hit(plain, "abcdefghij", 10, 0);
  expect_hit(plain, "abcdefghijklm", 10);
  expect_hit(plain, "abcdefgXij", 7);
  expect_hit(plain, "abcdeX", 5);
  expect_hit(plain, "abXdefgh", 2);
  expect_hit(plain, "a", 0);
  expect_hit(plain, "Xbcdefgh", 0);
}

TEST_F(StoreTest, StoresABlockOnce) {
  EXPECT_EQ(put(plain, "abcdefgh").new_blocks, 2U);
  const store::Put again = put(plain, "abcdefghijkl");
  EXPECT_EQ(again.new_blocks, 1U);
  EXPECT_EQ(again.blocks, 3U);
  EXPECT_EQ(put(plain, "abcdXXXXX").new_blocks, 1U);
}

TEST_F(StoreTest, RecurrentStateHitsWhereItWasSaved) {
  put(hybrid, "abcdef");
  put(hybrid, "abcdefghijk");
  expect_hit(hybrid, "abcdefghijk", 6);
  expect_hit(hybrid, "abcdefghijk", 11, 0);
  expect_hit(hybrid, "abcdefghijklm", 11);
  expect_hit(hybrid, "abcdefghXXX", 6);
  expect_hit(hybrid, "abcdeX", 0);
  EXPECT_NE(get("abcdeX").match.reason.find("saved only at 6 and 11 tokens"), std::string::npos) << get("abcdeX").match.reason;
}

TEST_F(StoreTest, WindowsHitWhereAllTheirRowsAre) {
  put(windows, "abcdefghijklmno");
  expect_hit(windows, "abcdefghijklmnop", 15);
  expect_hit(windows, "abcdefghijklmXXX", 0);
  put(windows, "abcde");
  expect_hit(windows, "abcdefgX", 5);
  expect_hit(windows, "abcdX", 4);
}

TEST_F(StoreTest, TakesIdsOfAnySize) {
  const auto put_ids = [&](const TokenIds& tokens) {
    const auto n = static_cast<std::int64_t>(tokens.size());
    store_.put(document_of(cache_of(plain, tokens, n, 1)), {tokens, identity_});
  };
  const auto found = [&](const TokenIds& tokens) {
    store::Query query;
    query.prompt = {tokens, identity_};
    query.leave = 0;
    return store_.get(query).match.resume_at;
  };
  const TokenIds all = {1, 0xFEFFFF, 0xFF0000, 0x7FFFFFFF, 0x10000, 0xFF0001, 0x7FFFFFFE, 0, 0xFF0000, 2};
  put_ids(all);
  // Neighbours on both sides of where it goes on.
  for (const std::int32_t other : {0, 0xFEFFFE, 0xFEFFFF, 0xFF0001, 0x7FFFFFFF}) {
    TokenIds tokens = all;
    tokens[8] = other;
    EXPECT_EQ(found(tokens), 8) << other;
    put_ids(tokens);
  }
  for (std::size_t n = 1; n <= all.size(); ++n)
    EXPECT_EQ(found({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)}), n) << n;
}

// One model's caches may be of several layouts: plain, and quantized.
TEST_F(StoreTest, FindsTheLongestInAnyLayout) {
  const Model quantized{{LayerKind::quantized, LayerKind::quantized}};
  put(plain, "abcdefgh");
  put(quantized, "xyz");
  put(quantized, "abcdefghijkl");
  expect_hit(plain, "abcdefgh", 8, 0);
  expect_hit(quantized, "xyz", 3, 0);
  expect_hit(quantized, "abcdefghijkl", 12, 0);
  expect_hit(plain, "abcdefgX", 7);
  EXPECT_EQ(get("Xbc").match.reason, "nothing that is stored begins with these tokens");
}

TEST_F(StoreTest, RemovesWhatNoOtherEntryNeeds) {
  const auto longer = put(plain, "abcdefghijkl");
  const auto shorter = put(plain, "abcdef");
  const std::string id = longer.entry.id;
  store_.remove(std::span(&id, 1));
  expect_hit(plain, "abcdefghijkl", 6);
  const std::string other = shorter.entry.id;
  store_.remove(std::span(&other, 1));
  EXPECT_EQ(store_.index().bytes(), 0U);
  EXPECT_EQ(get("abcdefghijkl").match.reason, "the store is empty");
  int objects = 0;
  store_.objects().list([&](const std::string&, std::uint64_t) { ++objects; });
  EXPECT_EQ(objects, 0);
}

}  // namespace
