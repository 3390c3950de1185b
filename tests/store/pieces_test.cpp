// Rows of a tail that later turns go on from: where they are, and what of them stays when something goes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "caches.h"
#include "kvcache/store.h"
#include "store/back_end.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;

constexpr std::string_view text = "abcdefghijklmnopqrstuvwxyz";

class StorePiecesTest : public ::testing::Test {
 protected:
  StorePiecesTest() : store_(new_store(folder_.str())) { configure(store_); }

  static void configure(Store& store) {
    store::Settings settings;
    settings.block = 16;
    store.configure(settings);
  }

  std::string put(std::string_view tokens) {
    const auto count = static_cast<std::int64_t>(tokens.size());
    return store_.put(document_of(cache_of(model_, ids(tokens), count)), {ids(tokens), identity_}).entry.id;
  }

  /// Groups of rows that the store has, by the number of tokens of their node within its block.
  static std::map<std::size_t, std::string> groups(const Store& store) {
    std::map<std::size_t, std::string> out;
    store.index().each_node([&](const store::Node& node) {
      if (const store::ObjectInfo* rows = node.rows()) out[node.ids.size()] = rows->group;
    });
    return out;
  }
  using Groups = std::map<std::size_t, std::string>;

  void expect_whole(const Store& store, std::initializer_list<std::size_t> lengths) {
    for (const std::size_t length : lengths) {
      store::Query query;
      query.prompt = {ids(text.substr(0, length)), identity_};
      query.exact = true;
      const store::Got got = store.get(query);
      ASSERT_TRUE(got.match.hit()) << length << ": " << got.match.reason;
      EXPECT_EQ(text_of(got.cache), text_of(cache_of(model_, ids(text.substr(0, length)), static_cast<std::int64_t>(length))));
    }
  }

  void expect_sound(Store& store, std::initializer_list<std::size_t> lengths) {
    expect_whole(store, lengths);
    store.collect();
    const Store::Checked checked = store.check(true, false);
    EXPECT_EQ(checked.problems, std::vector<std::string>());
    EXPECT_EQ(checked.leftovers, std::vector<std::string>());
    expect_whole(store, lengths);
    EXPECT_EQ(store.rebuild().problems, std::vector<std::string>());
    expect_whole(store, lengths);
  }

  void remove(const std::string& entry) { store_.remove(std::span(&entry, 1)); }

  Folder folder_;
  Model model_{{LayerKind::plain, LayerKind::quantized}};
  store::Identity identity_ = store::identity_of_text("model");
  Store store_;
};

TEST_F(StorePiecesTest, ATurnWritesItsOwnRowsOnly) {
  put(text.substr(0, 6));
  put(text.substr(0, 11));
  const std::string longest = put(text.substr(0, 18));
  EXPECT_EQ(groups(store_), (Groups{{6, "rows"}, {11, "rows-6"}, {16, "rows-11"}, {2, "rows"}}));
  expect_sound(store_, {6, 11, 18});
  EXPECT_EQ(store_.usage().at(0).second.stored_tokens, 18U);
  const std::vector<store::Node> nodes = store_.nodes_of(store_.index().entries({{}, {}, {}, longest, {}}).at(0));
  std::vector<std::size_t> lengths(nodes.size());
  std::ranges::transform(nodes, lengths.begin(), [](const store::Node& node) { return node.ids.size(); });
  EXPECT_EQ(lengths, (std::vector<std::size_t>{6, 11, 16, 2}));
}

TEST_F(StorePiecesTest, PiecesAreFew) {
  for (const std::size_t length : {2, 4, 6, 8}) put(text.substr(0, length));
  EXPECT_EQ(groups(store_), (Groups{{2, "rows"}, {4, "rows-2"}, {6, "rows-4"}, {8, "rows-6"}}));
  put(text.substr(0, 10));
  EXPECT_EQ(groups(store_), (Groups{{10, "rows"}}));
  put(text.substr(0, 12));
  EXPECT_EQ(groups(store_), (Groups{{10, "rows"}, {12, "rows-10"}}));
  expect_sound(store_, {2, 4, 6, 8, 10, 12});
}

TEST_F(StorePiecesTest, FirstRowsStayAsLongAsOthersGoOnFromThem) {
  const std::string first = put(text.substr(0, 6));
  const std::string second = put(text.substr(0, 11));
  const std::string aside = put("abcdefXY");
  remove(first);
  expect_sound(store_, {11});
  EXPECT_EQ(groups(store_), (Groups{{6, "rows"}, {11, "rows-6"}, {8, "rows-6"}}));
  remove(second);
  EXPECT_EQ(groups(store_), (Groups{{6, "rows"}, {8, "rows-6"}}));
  EXPECT_EQ(store_.check(true, false).problems, std::vector<std::string>());
  remove(aside);
  EXPECT_EQ(groups(store_), Groups());
  EXPECT_EQ(store_.index().bytes(), 0U);
}

TEST_F(StorePiecesTest, ATailBetweenGetsItsRowsWithoutThoseBefore) {
  put(text.substr(0, 3));
  const std::string longest = put(text.substr(0, 12));
  put(text.substr(0, 7));
  EXPECT_EQ(groups(store_), (Groups{{3, "rows"}, {12, "rows-3"}}));
  remove(longest);
  EXPECT_EQ(groups(store_), (Groups{{3, "rows"}, {7, "rows-3"}}));
  expect_sound(store_, {3, 7});
}

TEST_F(StorePiecesTest, WhatIsPinnedIsLeftOfAnEvictedOne) {
  store_.pin(put(text.substr(0, 6)), true);
  put(text.substr(0, 11));
  store_.collect(0);
  EXPECT_EQ(groups(store_), (Groups{{6, "rows"}}));
  // The longer one is still there as far as these rows go.
  const auto entries = store_.index().entries({});
  EXPECT_TRUE(std::ranges::all_of(entries, [](const store::Entry& one) { return one.held == 6; }));
  expect_sound(store_, {6});
  for (const store::Entry& entry : store_.index().entries({})) remove(entry.id);
  EXPECT_EQ(store_.index().bytes(), 0U);
}

TEST_F(StorePiecesTest, DamagedFirstRowsTakeTheOthersAlong) {
  put(text.substr(0, 6));
  put(text.substr(0, 11));
  put(text.substr(0, 20));
  std::vector<std::string> lost;
  store_.objects().list([&](const std::string& name, std::uint64_t) {
    if (name.find(".rows.") == std::string::npos) return;
    store_.index().each_node([&](const store::Node& node) {
      if (name.starts_with(node.hash) && node.ids.size() == 6) lost.push_back(name);
    });
  });
  ASSERT_EQ(lost.size(), 1U);
  store_.index().forget(lost);
  store_.collect();
  EXPECT_EQ(store_.check(true, false).problems, std::vector<std::string>());
  EXPECT_EQ(groups(store_), Groups());
  put(text.substr(0, 20));
  expect_sound(store_, {20});
}

TEST_F(StorePiecesTest, OtherRowsOfTheSameTokensAreFoundInAnyPiece) {
  put(text.substr(0, 6));
  put(text.substr(0, 11));
  store::PutOptions options;
  options.check = true;
  for (const bool other : {false, true}) {
    const TokenIds asked = ids(text.substr(0, 14));
    TokenIds computed = asked;
    if (other) ++computed[8];  // rows of the second piece, and those behind it
    const store::Put done = store_.put(document_of(cache_of(model_, computed, 14)), {asked, identity_}, options);
    EXPECT_EQ(done.differs, other);
  }
  expect_sound(store_, {6, 11, 14});
}

TEST_F(StorePiecesTest, AnotherStoreTakesThePiecesOver) {
  put(text.substr(0, 6));
  const std::string middle = put(text.substr(0, 11));
  put(text.substr(0, 18));
  remove(middle);
  Folder other;
  Store into = Store::open(other / "s");
  configure(into);
  into.import(store_);
  EXPECT_EQ(groups(into), groups(store_));
  expect_sound(into, {6, 18});
  // And a store that has these rows as one has no need of pieces.
  Folder third;
  Store whole = Store::open(third / "s");
  configure(whole);
  whole.put(document_of(cache_of(model_, ids(text.substr(0, 18)), 18)), {ids(text.substr(0, 18)), identity_});
  whole.import(store_);
  EXPECT_EQ(groups(whole)[16], "rows");
  expect_sound(whole, {6, 18});
}

/// In a namespace with states: rows that no state reaches are dead.
class StoreDeadRows : public ::testing::Test {
 protected:
  StoreDeadRows() : store_(new_store(folder_.str())) {}

  /// Tokens of which an image stands for some.
  static store::Prompt prompt_of(TokenIds tokens, const std::string& image) {
    return {std::move(tokens), store::identity_of_text("model"), {}, {{2, 2, image}}};
  }
  /// The first tokens of the text.
  static store::Prompt first(std::size_t count, const std::string& image) {
    return prompt_of(ids(text.substr(0, count)), image);
  }
  /// A question about one of many images, and the answer.
  static store::Prompt chat_of(int i, bool answered) {
    TokenIds tokens = ids("abcdef");
    if (answered) tokens.push_back(1000 + i);
    return prompt_of(std::move(tokens), "image " + std::to_string(i));
  }
  void put(const store::Prompt& prompt) {
    const auto count = static_cast<std::int64_t>(prompt.tokens.size());
    store_.put(document_of(cache_of(model_, prompt.tokens, count)), prompt);
  }

  /// Takes the state of a prompt's tail away. Returns the bytes of its rows.
  std::uint64_t lose_state(const store::Prompt& prompt) {
    std::uint64_t rows = 0;
    std::vector<std::string> states;
    store_.index().each_node([&](const store::Node& node) {
      if (node.ids != prompt.tokens || node.extras != prompt.extras) return;
      if (node.rows() != nullptr) rows += node.rows()->bytes;
      states.push_back(node.hash + ".state.safetensors");
    });
    EXPECT_EQ(states.size(), 1U);
    store_.index().forget(states);
    EXPECT_GT(rows, 0U);
    return rows;
  }
  /// Puts two, in this order: when one of them has lost its state, its rows are dead.
  void expect_dead_without_state(const store::Prompt& one, const store::Prompt& other, const store::Prompt& loser) {
    put(one);
    put(other);
    EXPECT_EQ(dead(), 0U);
    const std::uint64_t rows = lose_state(loser);
    EXPECT_EQ(dead(), rows);
  }
  [[nodiscard]] std::uint64_t dead() const { return store_.usage().at(0).second.dead; }

  Folder folder_;
  Model model_{{LayerKind::plain, LayerKind::recurrent}};
  Store store_;
};

TEST_F(StoreDeadRows, AShorterTailStandsOnThemAsWell) {
  put(first(8, "a"));
  put(first(6, "a"));
  EXPECT_EQ(dead(), 0U);
  lose_state(first(8, "a"));
  EXPECT_EQ(dead(), 0U);
}

TEST_F(StoreDeadRows, RowsOfAnotherImageAreNotThoseOfATail) {
  expect_dead_without_state(first(8, "b"), first(6, "a"), first(8, "b"));
}

TEST_F(StoreDeadRows, ATailWithRowsOfItsOwnNeedsNoOthers) {
  expect_dead_without_state(first(6, "a"), first(8, "a"), first(8, "a"));
}

// More than are looked at in one go, and the last of them is its own.
TEST_F(StoreDeadRows, OneOfManyImagesBehindTheSameTokens) {
  constexpr int images = 66;
  put(chat_of(images - 1, true));
  put(chat_of(images - 1, false));  // stands on the rows of its answer
  for (int i = 0; i + 1 < images; ++i) put(chat_of(i, true));
  lose_state(chat_of(images - 1, true));
  EXPECT_EQ(dead(), 0U);
}

}  // namespace
