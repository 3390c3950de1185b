// Random puts, gets, removals, pins and evictions against a list of all puts: what can be found, and that it is bit for bit
// what was put.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "caches.h"
#include "kvcache/store.h"
#include "store/back_end.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;

std::int64_t common_ids(const TokenIds& a, const TokenIds& b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

/// Which numbers of tokens a store that has put just these prompts can resume a query at, by brute force.
class Oracle {
 public:
  explicit Oracle(Model model) : model_(std::move(model)) {}
  void put(const TokenIds& ids) { puts_[ids].whole = true; }
  void remove(const TokenIds& ids) { puts_.erase(ids); }
  void pin(const TokenIds& ids, bool pinned) { puts_.at(ids).pinned = pinned; }
  /// After something was evicted it is certain only of what is pinned that all of it is still there.
  void evict() {
    for (auto& [ids, what] : puts_) what.whole = what.whole && what.pinned;
  }
  [[nodiscard]] bool has(LayerKind kind) const { return std::ranges::find(model_.layers, kind) != model_.layers.end(); }

  /// The longest that must be found at least.
  [[nodiscard]] std::int64_t at_least(const TokenIds& query, std::int64_t limit) const {
    std::int64_t best = 0;
    for (const auto& [ids, what] : puts_)
      for (std::int64_t m = std::min(limit, common_ids(ids, query)); what.whole && m > best; --m)
        if (fits(ids, m)) best = m;
    return best;
  }
  /// No more than a prefix that some put has, and recurrent state only where it was saved.
  [[nodiscard]] bool allowed(const TokenIds& query, std::int64_t m) const {
    for (const auto& [ids, what] : puts_) {
      if (common_ids(ids, query) < m) continue;
      const bool saved = static_cast<std::int64_t>(ids.size()) == m;
      if ((has(LayerKind::recurrent) || has(LayerKind::list)) && !saved) continue;
      return true;
    }
    return m == 0;
  }

 private:
  /// Whether the cache of one put alone can be cut to m tokens.
  [[nodiscard]] bool fits(const TokenIds& ids, std::int64_t m) const {
    const auto n = static_cast<std::int64_t>(ids.size());
    if (m == n) return true;
    if (has(LayerKind::recurrent) || has(LayerKind::list)) return false;
    if (has(LayerKind::window) && n > model_.max_size) return false;
    if (has(LayerKind::chunked)) {
      const std::int64_t start = std::max<std::int64_t>(0, n - 3 * model_.chunk) / model_.chunk * model_.chunk;
      if (m / model_.chunk * model_.chunk < start) return false;
    }
    return true;
  }

  struct Kept {
    bool whole = false;   ///< nothing of it was evicted
    bool pinned = false;  ///< nothing of it may be
  };

  Model model_;
  std::map<TokenIds, Kept> puts_;
};

class OracleTest : public ::testing::TestWithParam<int> {};

TEST_P(OracleTest, FindsWhatThereIsAndNothingElse) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  const auto number = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const std::vector<Model> models = {
      {{LayerKind::plain, LayerKind::quantized}},
      {{LayerKind::plain, LayerKind::window}, 6, 0},
      {{LayerKind::window, LayerKind::plain}, 7, 2},
      {{LayerKind::recurrent}},
      {{LayerKind::plain, LayerKind::recurrent, LayerKind::unused}},
      {{LayerKind::list, LayerKind::window}, 5, 1},
      {{LayerKind::chunked, LayerKind::plain}},
      {{LayerKind::window}, 6, 1},
      {{LayerKind::pair, LayerKind::plain}},
      {{LayerKind::plain, LayerKind::quantized, LayerKind::window, LayerKind::recurrent, LayerKind::list, LayerKind::unused},
       6,
       2},
  };
  const Model model = models[static_cast<std::size_t>(GetParam()) % models.size()];
  Folder folder;
  Store store = new_store(folder.str());
  store::Settings settings;
  settings.block = 1 << number(1, 3);
  settings.compress = number(0, 1) == 1;
  store.configure(settings);
  const store::Identity identity = store::identity_of_text("m");
  Oracle oracle(model);
  std::map<TokenIds, std::string> entries;
  std::vector<TokenIds> sequences;
  for (int step = 0; step < 60; ++step) {
    // Sequences that share beginnings: one of before, cut, and continued.
    TokenIds ids;
    if (!sequences.empty() && number(0, 4) > 0) {
      ids = sequences[static_cast<std::size_t>(number(0, static_cast<int>(sequences.size()) - 1))];
      ids.resize(static_cast<std::size_t>(number(1, static_cast<int>(ids.size()))));
    }
    for (int n = number(ids.empty() ? 1 : 0, 9); n > 0; --n) ids.push_back(number(1, 3));
    const auto tokens = static_cast<std::int64_t>(ids.size());
    const int what = number(0, 11);
    if (what < 4) {
      sequences.push_back(ids);
      entries[ids] = store.put(document_of(cache_of(model, ids, tokens, number(1, 5))), {ids, identity}).entry.id;
      oracle.put(ids);
    } else if (what == 4 && !entries.empty()) {
      const auto victim = std::next(entries.begin(), number(0, static_cast<int>(entries.size()) - 1));
      store.remove(std::span(&victim->second, 1));
      oracle.remove(victim->first);
      entries.erase(victim);
    } else if (what == 10 && !entries.empty()) {
      const auto one = std::next(entries.begin(), number(0, static_cast<int>(entries.size()) - 1));
      const bool pinned = number(0, 2) > 0;
      if (store.find(one->second).empty()) continue;  // evicted, to its first token
      store.pin(one->second, pinned);
      oracle.pin(one->first, pinned);
    } else if (what == 11 && number(0, 2) == 0) {
      const std::uint64_t bytes = store.index().bytes();
      store.collect(bytes * static_cast<std::uint64_t>(number(0, 9)) / 10);
      oracle.evict();
      ASSERT_EQ(store.check(true, false).problems, std::vector<std::string>()) << "step " << step;
    } else if (what == 5) {
      store.collect();
      const Store::Checked checked = store.check(true, false);
      ASSERT_EQ(checked.problems, std::vector<std::string>()) << "step " << step;
      ASSERT_EQ(checked.leftovers, std::vector<std::string>()) << "step " << step;
    } else if (what == 6 && number(0, 3) == 0) {
      ASSERT_EQ(store.rebuild().problems, std::vector<std::string>()) << "step " << step;
    } else {
      store::Query query;
      query.prompt = {ids, identity};
      query.leave = number(0, 2);
      const store::Got got = store.get(query);
      const std::int64_t limit = tokens - query.leave;
      const std::int64_t m = got.match.resume_at;
      ASSERT_LE(m, std::max<std::int64_t>(limit, 0));
      ASSERT_GE(m, oracle.at_least(ids, limit)) << "step " << step << ": " << got.match.reason;
      ASSERT_TRUE(oracle.allowed(ids, m)) << "step " << step << ": " << m;
      ASSERT_TRUE(m >= limit || !got.match.reason.empty());
      if (m == 0) continue;
      ASSERT_EQ(text_of(document_of(got.cache).cache), text_of(got.cache));
      // Windows may hold more rows than they need, where a put did: what they need is compared.
      const PromptCache expected = cache_of(model, ids, m);
      for (std::size_t i = 0; i < expected.layers.size(); ++i) {
        const auto* window = dynamic_cast<const RotatingKVCache*>(expected.layers[i].get());
        std::string mine;
        std::string theirs;
        if (window != nullptr) {
          const auto& found = dynamic_cast<const RotatingKVCache&>(*got.cache.layers[i]);
          const auto needed = [](const RotatingKVCache& cache, std::int64_t rows) {
            const Tensor keys = cache.temporal_order(cache.state().keys);
            const std::int64_t keep = std::min(cache.state().keep, rows);
            return bytes_of(concatenate({keys.slice(2, 0, keep), keys.slice(2, keys.dim(2) - (rows - keep), keys.dim(2))}, 2));
          };
          const std::int64_t rows = std::min(m, window->state().max_size);
          ASSERT_EQ(found.state().offset, m);
          ASSERT_GE(found.state().keys.dim(2), rows);
          mine = needed(*window, rows);
          theirs = needed(found, rows);
        } else if (const auto* chunk = dynamic_cast<const ChunkedKVCache*>(expected.layers[i].get())) {
          // Where the front of the chunk begins depends on which put it was cut from: the rows that both have are the same.
          const auto& found = dynamic_cast<const ChunkedKVCache&>(*got.cache.layers[i]);
          ASSERT_EQ(found.offset(), m);
          const std::int64_t rows = std::min(found.valid_rows(), chunk->valid_rows());
          mine = bytes_of(chunk->state().keys.slice(2, chunk->valid_rows() - rows, chunk->valid_rows()));
          theirs = bytes_of(found.state().keys.slice(2, found.valid_rows() - rows, found.valid_rows()));
        } else {
          describe(*expected.layers[i], mine);
          describe(*got.cache.layers[i], theirs);
        }
        ASSERT_TRUE(mine == theirs) << "step " << step << ", layer " << i << " at " << m;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, OracleTest, ::testing::Range(0, 30));

}  // namespace
