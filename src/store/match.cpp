#include "store/match.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/count_of.h"
#include "store/object_file.h"
#include "store/rows.h"

namespace kvcache::store::detail {
namespace {

/// Rows of a window that are stored somewhere: [begin, end), the first of them row `row` of the object.
struct Stored {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::string object;
  std::int64_t object_rows = 0;
  std::int64_t row = 0;
};

/// A state, and how many tokens it can be cut to.
struct StatePoint {
  Node node;
  std::int64_t least = 0;
  std::int64_t most = 0;
};

/// A cache of exactly so many tokens was put, with so many rows in each window.
struct End {
  std::int64_t tokens = 0;
  std::vector<std::int64_t> held;
};

class Search {
 public:
  Search(const Index& index, const Namespace& space, const Layout& layout, std::span<const std::int32_t> ids,
         std::span<const Extra> extras, std::int64_t limit, bool exact)
      : index_(index),
        layout_(layout),
        ids_(ids),
        extras_(extras),
        limit_(limit),
        exact_(exact),
        block_(space.block),
        chain_(chain_of(space.name, ids, extras, space.block)),
        stored_(layout.windows().size()) {}

  /// Nothing where what was found has changed meanwhile.
  std::optional<Found> run() {
    walk_blocks();
    look_beyond();
    Found found;
    found.matched = matched_;
    const std::int64_t cap = std::min(limit_, layout_.has_rows() ? rows_end_ : matched_);
    if (cap > 0) {
      if (needs_ends()) {
        gather_ends(cap);
      }
      found.plan = best(cap);
    }
    if (exact_ && found.plan && found.plan->tokens != limit_) found.plan.reset();
    if (found.plan && !find_rows(*found.plan)) return std::nullopt;
    found.reason = why(found, cap);
    return found;
  }

 private:
  [[nodiscard]] bool needs_ends() const { return layout_.has_state() || !layout_.windows().empty(); }
  [[nodiscard]] std::int64_t depth() const { return static_cast<std::int64_t>(path_.size()); }
  [[nodiscard]] TokenIds block_ids(std::int64_t i) const {
    const auto begin = static_cast<std::size_t>(i * block_);
    const auto count = std::min(ids_.size() - std::min(begin, ids_.size()), static_cast<std::size_t>(block_));
    const auto part = ids_.subspan(std::min(begin, ids_.size()), count);
    return {part.begin(), part.end()};
  }

  void walk_blocks() {
    path_ = index_.path(chain_.blocks);
    // A digest alone is never believed.
    for (std::size_t i = 0; i < path_.size(); ++i) {
      if (!path_[i].tail && path_[i].first == static_cast<std::int64_t>(i) * block_ &&
          static_cast<std::int64_t>(path_[i].ids.size()) == block_ && common_tokens(path_[i], ids_, extras_) == block_)
        continue;
      path_.resize(i);
      break;
    }
    matched_ = depth() * block_;
    rows_end_ = matched_;
    for (const Node& node : path_) take_end(node, node.end());
  }

  /// Behind the last complete block that is the prompt's: what begins as the prompt goes on.
  void look_beyond() {
    const Digest& parent = chain_.before(path_.size());
    const TokenIds rest = block_ids(depth());
    std::size_t most = 8;
    for (;;) {
      const Index::Place place{parent, rest};
      const Index::Neighbours around = index_.near({&place, 1}, most).front();
      bool enough = true;
      for (const auto* side : {&around.before, &around.behind}) {
        std::int64_t last = block_;
        for (const Node& node : *side) last = note_beyond(node);
        // Farther away there is less and less in common.
        const std::int64_t wanted = layout_.has_rows() ? rows_end_ - depth() * block_ : matched_ - depth() * block_;
        if (side->size() == most && (last > wanted || (needs_ends() && last > 0 && most < 512))) enough = false;
      }
      if (enough || most > 4096) return;
      most *= 8;
    }
  }

  /// Returns how many tokens it has in common with the prompt.
  std::int64_t note_beyond(const Node& node) {
    const std::int64_t common = common_tokens(node, ids_, extras_);
    if (!seen_.insert(node.hash).second) return common;
    const std::int64_t end = node.first + common;
    if (common < static_cast<std::int64_t>(node.ids.size())) leaves_ = true;
    matched_ = std::max(matched_, end);
    if (node.rows() != nullptr && end > rows_end_) {
      rows_end_ = end;
      partial_ = node;
    }
    if (common > 0 || node.first == 0) beyond_.push_back(node);
    take_end(node, end);
    return common;
  }

  /// What a node adds, of which the prompt shares the tokens before `end`.
  void take_end(const Node& node, std::int64_t end) {
    if (end >= node.end() && !node.held.empty()) ends_.push_back({node.end(), node.held});
    if (node.cut && *node.cut <= end && node.object(state_group) != nullptr)
      states_.push_back({node, *node.cut, std::min(node.end(), end)});
    if (node.cut) saved_at_.insert(node.end());
    for (std::size_t w = 0; w < stored_.size(); ++w)
      for (const std::string& group : {window_group(w), edge_group(w)})
        if (const ObjectInfo* object = node.object(group)) take_rows(node, *object, end, stored_[w]);
  }

  static void take_rows(const Node& node, const ObjectInfo& object, std::int64_t end, std::vector<Stored>& out) {
    std::int64_t row = 0;
    const std::int64_t all = rows_in(object);
    for (const auto& [first, behind] : object.rows) {
      if (first < std::min(behind, end))
        out.push_back({first, std::min(behind, end), object_name(node.hash, object.group), all, row});
      row += behind - first;
    }
  }

  /// Ends of earlier entries whose tokens are the prompt's: between the blocks of the path.
  void gather_ends(std::int64_t cap) {
    std::int64_t widest = 0;
    for (const Window& window : layout_.windows()) widest = std::max(widest, window.max_size);
    if (layout_.has_state()) {
      descend(beyond_.empty() ? index_.children(chain_.before(path_.size()), 8) : beyond_, cap);
    }
    for (std::int64_t level = depth(); level >= 0; --level) {
      for (const Node& node : ends_within(level)) take_end(node, node.end());
      if (level < depth() && (!layout_.windows().empty() || cuttable())) look_aside(level, cap);
      // Rows that a window needs can be those of an end that lies as far back as the window reaches.
      const auto plan = best(cap);
      if (plan && plan->tokens - widest >= level * block_) return;
    }
  }

  /// Tails behind block `level` whose tokens are the prompt's.
  std::vector<Node> ends_within(std::int64_t level) {
    std::vector<Node> out;
    TokenIds key = block_ids(level);
    const Digest& parent = chain_.before(static_cast<std::size_t>(level));
    constexpr std::size_t most = 8;
    while (!key.empty()) {
      const Index::Place place{parent, key};
      const auto before = index_.near({&place, 1}, most).front().before;
      if (before.empty()) break;
      for (const Node& node : before)
        if (node.tail && common_tokens(node, ids_, extras_) == static_cast<std::int64_t>(node.ids.size()) &&
            seen_.insert(node.hash).second)
          out.push_back(node);
      if (before.size() < most) break;
      // What begins as the prompt and is shorter stands before all that is between here and there.
      const TokenIds& last = before.back().ids;
      const auto common = static_cast<std::size_t>(std::ranges::mismatch(last, key).in1 - last.begin());
      if (common == last.size()) {
        key = last;
        key.pop_back();
      } else {
        key.resize(std::min(common, key.size() - 1));
      }
    }
    return out;
  }

  /// What leaves the prompt within block `level`: rows of its windows up to there, and states that can be cut to there.
  void look_aside(std::int64_t level, std::int64_t cap) {
    constexpr std::size_t most = 32;
    const Index::Place place{chain_.before(static_cast<std::size_t>(level)), block_ids(level)};
    const Index::Neighbours around = index_.near({&place, 1}, most).front();
    std::vector<Node> aside;
    for (const auto* side : {&around.before, &around.behind})
      for (const Node& node : *side) {
        if (node.hash == path_[static_cast<std::size_t>(level)].hash || !seen_.insert(node.hash).second) continue;
        const std::int64_t common = common_tokens(node, ids_, extras_);
        take_end(node, node.first + common);
        aside.push_back(node);
      }
    if (layout_.has_state()) descend(std::move(aside), cap);
  }

  /// States of more tokens than are shared, which can be cut: at these nodes and below, the nearest first.
  void descend(std::vector<Node> level, std::int64_t cap) {
    const bool can_cut = cuttable();
    std::size_t seen = 0;
    for (int steps = 0; !level.empty() && (can_cut || steps < 4); ++steps) {
      std::vector<Node> next;
      for (const Node& node : level) {
        if (++seen > 256) return;
        const std::int64_t shared = shared_with(node);
        if (node.cut && node.end() > shared) {
          saved_at_.insert(node.end());
          if (*node.cut <= std::min(shared, cap) && node.object(state_group) != nullptr)
            states_.push_back({node, *node.cut, shared});
        }
        if (node.tail) continue;
        for (Node& child : index_.children(node.hash, 8)) {
          shared_[child.hash] = shared;
          next.push_back(std::move(child));
        }
      }
      level = std::move(next);
    }
  }

  [[nodiscard]] std::int64_t shared_with(const Node& node) const {
    if (const auto found = shared_.find(node.hash); found != shared_.end()) return found->second;
    return node.first + common_tokens(node, ids_, extras_);
  }

  /// Whether any state of this layout can be cut at all.
  [[nodiscard]] bool cuttable() const {
    if (!layout_.has_state() || !layout_.model_state().empty()) return false;
    return std::ranges::none_of(layout_.leaves(), [](const auto& leaf) {
      return leaf.first->kind == Kind::state && leaf.first->class_name == "ArraysCache";
    });
  }

  [[nodiscard]] bool covered(std::size_t w, const std::vector<Span>& spans) const {
    return std::ranges::all_of(spans,
                               [&](const Span& span) { return !pieces_of(w, {span}).empty() || span.first >= span.second; });
  }

  /// Where these positions are; empty where one is nowhere.
  [[nodiscard]] std::vector<Piece> pieces_of(std::size_t w, const std::vector<Span>& spans) const {
    std::vector<Piece> out;
    for (const auto& [begin, end] : spans) {
      for (std::int64_t at = begin; at < end;) {
        const Stored* farthest = nullptr;
        for (const Stored& one : stored_[w])
          if (one.begin <= at && one.end > at && (farthest == nullptr || one.end > farthest->end)) farthest = &one;
        if (farthest == nullptr) return {};
        const std::int64_t to = std::min(end, farthest->end);
        out.push_back({farthest->object, farthest->object_rows, farthest->row + (at - farthest->begin),
                       farthest->row + (to - farthest->begin)});
        at = to;
      }
    }
    return out;
  }

  /// The most tokens, at most `from` and at least `least`, for which a window has all that it needs.
  [[nodiscard]] std::optional<std::int64_t> window_best(std::size_t w, std::int64_t from, std::int64_t least) const {
    const Window& window = layout_.windows()[w];
    for (std::int64_t at = from; at >= least;) {
      const auto needed = window.needed(at);
      if (covered(w, needed)) return at;
      // The newest of the needed positions that is nowhere: no cache that needs it will do.
      std::int64_t missing = -1;
      for (const auto& [begin, end] : needed)
        for (std::int64_t position = end; position > begin;) {
          const Stored* lowest = nullptr;
          for (const Stored& one : stored_[w])
            if (one.begin < position && one.end >= position && (lowest == nullptr || one.begin < lowest->begin)) lowest = &one;
          if (lowest == nullptr) {
            missing = std::max(missing, position - 1);
            break;
          }
          position = lowest->begin;
        }
      // Shorter caches up to this position need it too, as long as the window reaches back to it.
      at = std::min(at - 1, missing);
    }
    return std::nullopt;
  }

  [[nodiscard]] bool all_covered(std::int64_t tokens) const {
    for (std::size_t w = 0; w < stored_.size(); ++w)
      if (!covered(w, layout_.windows()[w].needed(tokens))) return false;
    return true;
  }

  [[nodiscard]] std::vector<Span> spans_of(std::size_t w, std::int64_t tokens, const End* end) const {
    return end == nullptr ? layout_.windows()[w].needed(tokens) : layout_.windows()[w].held(tokens, end->held[w]);
  }

  [[nodiscard]] const End* end_at(std::int64_t tokens) const {
    for (const End& end : ends_) {
      if (end.tokens != tokens || end.held.size() != stored_.size()) continue;
      bool all = true;
      for (std::size_t w = 0; w < stored_.size() && all; ++w) all = covered(w, layout_.windows()[w].held(tokens, end.held[w]));
      if (all) return &end;
    }
    return nullptr;
  }

  /// The most tokens in [least, from] for which every window has what it needs.
  [[nodiscard]] std::optional<std::int64_t> windows_best(std::int64_t from, std::int64_t least) const {
    std::optional<std::int64_t> best;
    for (std::int64_t at = from; at >= least;) {
      std::int64_t next = at;
      bool none = false;
      for (std::size_t w = 0; w < stored_.size(); ++w) {
        const auto one = window_best(w, next, least);
        if (!one) {
          none = true;
          break;
        }
        next = *one;
      }
      if (none) break;
      if (next == at) {
        best = at;
        break;
      }
      at = next;
    }
    // A window that is short since tokens were taken off is what it is, where it is.
    for (const End& end : ends_)
      if (end.tokens <= from && end.tokens >= least && end.tokens > best.value_or(0) && end_at(end.tokens) != nullptr)
        best = end.tokens;
    return best;
  }

  [[nodiscard]] std::optional<Plan> best(std::int64_t cap) const {
    std::optional<std::int64_t> tokens;
    const StatePoint* state = nullptr;
    if (layout_.has_state()) {
      for (const StatePoint& point : states_) {
        const std::int64_t most = std::min(point.most, cap);
        if (most < point.least || most <= tokens.value_or(0)) continue;
        const auto found = windows_best(most, std::max<std::int64_t>(point.least, 1));
        if (!found || *found <= tokens.value_or(0)) continue;
        tokens = found;
        state = &point;
      }
    } else {
      tokens = windows_best(cap, 1);
    }
    if (!tokens) return std::nullopt;
    Plan plan;
    plan.tokens = *tokens;
    plan.blocks = static_cast<std::uint64_t>(*tokens / block_);
    if (state != nullptr) plan.state = state->node;
    if (layout_.has_rows()) {
      const std::size_t used = blocks_of(*tokens);
      for (std::size_t i = 0; i < used; ++i)
        if (with_rows(i).rows() == nullptr) return std::nullopt;
    }
    const End* end = end_at(*tokens);
    if (end == nullptr && !all_covered(*tokens)) return std::nullopt;
    for (std::size_t w = 0; w < stored_.size(); ++w) plan.windows.push_back(pieces_of(w, spans_of(w, *tokens, end)));
    plan.node = node_at(*tokens, state);
    return plan;
  }

  /// Of block `i` of a plan: whose rows are taken.
  [[nodiscard]] const Node& with_rows(std::size_t i) const { return i < path_.size() ? path_[i] : *partial_; }
  [[nodiscard]] std::size_t blocks_of(std::int64_t tokens) const {
    return static_cast<std::size_t>((tokens + block_ - 1) / block_);
  }

  /// Which objects the rows are in. False where some have gone since they were found.
  [[nodiscard]] bool find_rows(Plan& plan) const {
    if (!layout_.has_rows()) return true;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < blocks_of(plan.tokens); ++i) nodes.push_back(with_rows(i));
    for (const std::vector<Node>& pieces : pieces_of_rows(index_, nodes)) {
      if (pieces.empty()) return false;
      for (const Node& piece : pieces) {
        const ObjectInfo& object = *piece.rows();
        if (object.rows.empty()) return false;
        const auto [begin, end] = object.rows.front();
        if (begin < plan.tokens)
          plan.rows.push_back({object_name(piece.hash, object.group), end - begin, 0, std::min(end, plan.tokens) - begin});
      }
    }
    return true;
  }

  /// A node that holds the last of these tokens.
  [[nodiscard]] Digest node_at(std::int64_t tokens, const StatePoint* state) const {
    if (state != nullptr) return state->node.hash;
    if (tokens <= depth() * block_) return path_[static_cast<std::size_t>((tokens - 1) / block_)].hash;
    const Node* best = partial_ && rows_end_ >= tokens ? &*partial_ : nullptr;
    for (const Node& node : beyond_)
      if (node.first + common_tokens(node, ids_, extras_) >= tokens && (best == nullptr || node.end() < best->end()))
        best = &node;
    return best == nullptr ? Digest() : best->hash;
  }

  /// "1024 and 2048 tokens"
  [[nodiscard]] std::string saved_points() const {
    std::vector<std::int64_t> near(saved_at_.begin(), saved_at_.end());
    constexpr std::size_t most = 6;
    const bool more = near.size() > most;
    if (more) near.erase(near.begin(), near.end() - static_cast<std::ptrdiff_t>(most));
    std::string out = more ? "among others " : "";
    for (std::size_t i = 0; i < near.size(); ++i)
      out += fmt::format("{}{}", i == 0 ? "" : i + 1 == near.size() ? " and " : ", ", near[i]);
    return out;
  }

  [[nodiscard]] std::string why(const Found& found, std::int64_t cap) const {
    const std::int64_t resume = found.plan ? found.plan->tokens : 0;
    const auto all = static_cast<std::int64_t>(ids_.size());
    if (matched_ == 0) return "nothing that is stored begins with these tokens";
    if (limit_ <= 0)
      return fmt::format("the prompt has {}, and at least {} left to be processed",
                         kvcache::detail::count_of(ids_.size(), "token"),
                         all - limit_ == 1 ? "1 is" : fmt::format("{} are", all - limit_));
    if (resume < cap) {
      if (layout_.has_state()) {
        for (const auto& [spec, where] : layout_.leaves())
          if (spec->kind == Kind::state)
            return saved_at_.empty()
                       ? fmt::format("{} has recurrent state, and none is stored along these tokens", where)
                       : fmt::format("{} has {}, saved only at {} tokens", where,
                                     spec->class_name == "ArraysCache" ? "recurrent state" : "state", saved_points());
        return "the file carries model state, which is stored for other numbers of tokens only";
      }
      for (const auto& [spec, where] : layout_.leaves())
        if (spec->kind == Kind::window)
          return fmt::format("{} needs the last {} of its tokens, and not all of these are stored before token {}", where,
                             spec->max_size, cap);
    }
    if (matched_ > rows_end_ && layout_.has_rows() && resume == rows_end_)
      return fmt::format("rows behind token {} were evicted", rows_end_);
    if (resume == all) return {};
    if (matched_ < all && !leaves_) return fmt::format("nothing longer than {} of its tokens is stored", matched_);
    if (matched_ < all) return fmt::format("the prompt goes on otherwise than what is stored, from token {} on", matched_);
    if (resume == limit_)
      return fmt::format("all {} tokens are stored; {} left to be processed", all,
                         all - limit_ == 1 ? "1 is" : fmt::format("{} are", all - limit_));
    return {};
  }

  const Index& index_;
  const Layout& layout_;
  std::span<const std::int32_t> ids_;
  std::span<const Extra> extras_;
  std::int64_t limit_;
  bool exact_;
  std::int64_t block_;
  Chain chain_;
  std::vector<Node> path_;                   // the complete blocks that are the prompt's
  std::vector<Node> beyond_;                 // nodes behind them that begin as the prompt goes on
  std::optional<Node> partial_;              // of these, the one whose rows go farthest
  bool leaves_ = false;                      // something stored goes on otherwise
  std::int64_t matched_ = 0;                 // tokens
  std::int64_t rows_end_ = 0;                // tokens whose rows are there
  std::vector<std::vector<Stored>> stored_;  // for each window
  std::vector<StatePoint> states_;
  std::vector<End> ends_;
  std::set<std::int64_t> saved_at_;  // tokens of states seen on the way
  std::set<Digest> seen_;
  std::map<Digest, std::int64_t> shared_;  // of nodes that the prompt has left before
};

}  // namespace

Found find_prefix(const Index& index, const Namespace& space, const Layout& layout, std::span<const std::int32_t> ids,
                  std::span<const Extra> extras, std::int64_t limit, bool exact) {
  for (int tries = 0; tries < 8; ++tries)
    if (auto found = Search(index, space, layout, ids, extras, limit, exact).run()) return std::move(*found);
  Found none;
  none.reason = "rows that the index tells of are missing in it, which `check` says more about";
  return none;
}

}  // namespace kvcache::store::detail
