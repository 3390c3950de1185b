// What the prompt cache of mlx-lm's server finds, the store finds: on caches that can be trimmed just that, on others no less.
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>

#include "caches.h"
#include "kvcache/store.h"
#include "store/back_end.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;

std::int64_t length(const TokenIds& tokens) {
  return static_cast<std::int64_t>(tokens.size());
}

std::int64_t common(const TokenIds& a, const TokenIds& b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

/// The rules of LRUPromptCache without its limits, by looking at everything: one cache per sequence of tokens; a new one that
/// can be trimmed replaces those that it begins with; a look-up takes the cache of the very tokens, or one that goes on behind
/// the longest common beginning, trimmed to leave one token, where that is more than the longest stored beginning, or that.
class Rules {
 public:
  explicit Rules(const Model& model) : model_(model) {}

  void insert(const TokenIds& tokens) {
    if (can_trim(tokens))
      std::erase_if(held_,
                    [&](const TokenIds& one) { return one.size() < tokens.size() && common(one, tokens) == length(one); });
    held_.insert(tokens);
  }

  void erase(const TokenIds& tokens) { held_.erase(tokens); }
  [[nodiscard]] const std::set<TokenIds>& held() const { return held_; }

  struct Answer {
    std::int64_t tokens = 0;  ///< of the cache; 0: none
    bool exact = false;       ///< and nothing remains
  };
  [[nodiscard]] Answer fetch(const TokenIds& query) const {
    if (held_.contains(query)) return {length(query), true};
    std::int64_t shorter = 0;
    std::int64_t shared = 0;
    for (const TokenIds& one : held_) {
      const std::int64_t same = common(one, query);
      shared = std::max(shared, same);
      // A stored beginning of one token is passed over, as in the original.
      if (same == length(one) && same > 1) shorter = std::max(shorter, same);
    }
    if (shared > shorter) {
      // Of several the one with the least behind it; of equals which is not said: all that can be trimmed are as good.
      std::optional<std::int64_t> least;
      bool trims = false;
      for (const TokenIds& one : held_) {
        if (common(one, query) != shared) continue;
        if (!least || length(one) < *least) trims = can_trim(one);
        least = std::min(least.value_or(length(one)), length(one));
      }
      if (trims) return {std::min(length(query) - 1, shared), false};
    }
    return {shorter, false};
  }

 private:
  [[nodiscard]] bool can_trim(const TokenIds& tokens) const {
    return std::ranges::all_of(model_.layers, [&](LayerKind kind) {
      if (kind == LayerKind::window) return length(tokens) < model_.max_size;
      return kind == LayerKind::plain || kind == LayerKind::quantized || kind == LayerKind::pair;
    });
  }

  Model model_;
  std::set<TokenIds> held_;
};

struct Case {
  Model model;
  bool always_trims = false;
};

class LruRules : public ::testing::TestWithParam<int> {};

TEST_P(LruRules, AreKept) {
  std::mt19937 random(static_cast<unsigned>(GetParam()) + 100U);
  const auto number = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const std::vector<Case> cases = {
      {{{LayerKind::plain}}, true},
      {{{LayerKind::plain, LayerKind::quantized}}, true},
      {{{LayerKind::pair, LayerKind::plain}}, true},
      {{{LayerKind::plain, LayerKind::window}, 512, 2}, true},  // windows that are never full can be trimmed
      {{{LayerKind::plain, LayerKind::window}, 8, 2}, false},
      {{{LayerKind::plain, LayerKind::recurrent}}, false},
      {{{LayerKind::list, LayerKind::quantized}}, false},
  };
  const Case& which = cases[static_cast<std::size_t>(GetParam()) % cases.size()];
  const Folder folder;
  Store store = new_store(folder.str());
  store::Settings settings;
  settings.block = 1 << number(1, 3);
  store.configure(settings);
  const store::Identity identity = store::identity_of_text("m");
  Rules rules(which.model);
  std::vector<TokenIds> sequences;
  for (int step = 0; step < 80; ++step) {
    TokenIds tokens;
    if (!sequences.empty() && number(0, 5) > 0) {
      tokens = sequences[static_cast<std::size_t>(number(0, static_cast<int>(sequences.size()) - 1))];
      tokens.resize(static_cast<std::size_t>(number(1, static_cast<int>(tokens.size()))));
    }
    for (int n = number(tokens.empty() ? 1 : 0, 7); n > 0; --n) tokens.push_back(number(1, 3));
    if (number(0, 9) < 4) {
      sequences.push_back(tokens);
      store.put(document_of(cache_of(which.model, tokens, length(tokens))), {tokens, identity});
      rules.insert(tokens);
      continue;
    }
    SCOPED_TRACE("step " + std::to_string(step));
    const Rules::Answer theirs = rules.fetch(tokens);
    // With one token left to be processed, as a server that has to sample needs it; and nothing left, where they leave nothing.
    for (const bool all : {false, true}) {
      store::Query query;
      query.prompt = {tokens, identity};
      query.leave = all ? 0 : 1;
      const store::Got got = store.get(query);
      const std::int64_t ours = got.match.resume_at;
      const std::int64_t limit = length(tokens) - query.leave;
      if (which.always_trims) {
        // Where they have thrown the cache of just these tokens away for a longer one, that one gives all of them as well.
        const std::int64_t expected =
            all && theirs.tokens == length(tokens) - 1 && ours == length(tokens) ? ours : std::min(theirs.tokens, limit);
        ASSERT_EQ(ours, expected) << got.match.reason;
      } else if (theirs.tokens <= limit) {
        ASSERT_GE(ours, theirs.tokens) << got.match.reason;
      }
      if (theirs.exact && all) {
        ASSERT_EQ(ours, length(tokens)) << got.match.reason;
      }
      if (ours > 0 && (which.always_trims || ours == length(tokens))) {
        ASSERT_TRUE(text_of(got.cache) == text_of(cache_of(which.model, tokens, ours))) << ours;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LruRules, ::testing::Range(0, 14));

}  // namespace
