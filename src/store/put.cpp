// put: which of a cache's rows and states are new, and storing these.
#include <fmt/format.h>

#include <algorithm>

#include "cache/axes.h"
#include "common/count_of.h"
#include "common/hex.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/sha256.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "store/compare_known.h"
#include "store/impl.h"
#include "store/object_file.h"
#include "store/publishing.h"
#include "store/rows.h"
#include "store/space.h"
#include "store/state.h"

namespace kvcache::store {
namespace {

using namespace detail;
using kvcache::detail::count_of;
using kvcache::detail::from_hex;

using kvcache::detail::row_axis;

/// Tokens that a cache counts; nothing for recurrent state and what was never used.
std::optional<std::int64_t> tokens_of(const Cache& cache) {
  if (cache.empty() || is<ArraysCache>(cache)) return std::nullopt;
  return cache.facts().tokens;
}

void check_tokens(const Layout& layout, const std::vector<const Cache*>& leaves, std::int64_t tokens) {
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto counted = tokens_of(*leaves[i]);
    if (!counted || *counted == tokens) continue;
    throw Error(
        ErrorKind::impossible,
        fmt::format("{} holds {}, but {} given", layout.leaves()[i].second,
                    count_of(static_cast<std::uint64_t>(*counted), "token"),
                    tokens == 1 ? "1 token id is" : fmt::format("{} token ids are", tokens)),
        "give the ids of just the tokens that were processed: the last token that a model has sampled is not among them");
  }
}

void check_findings(const Document& document) {
  for (const Finding& finding : document.findings)
    if (finding.severity == Severity::error)
      throw Error(
          ErrorKind::impossible,
          fmt::format("{}{} ({})", finding.where.empty() ? "" : finding.where.text() + ": ", finding.message, finding.code),
          Remedy(Remedy::Action::verify) + " lists everything");
}

std::vector<Tensor> row_arrays(const Cache& cache) {
  using Arrays = std::vector<Tensor>;
  return visit(
      cache,
      PerClass{[](const KVCache& plain) {
                 return Arrays{plain.state().keys, plain.state().values};
               },
               [](const QuantizedKVCache& quantized) {
                 const auto& s = quantized.state();
                 return Arrays{s.keys.weights,   s.keys.scales,   s.keys.biases,
                               s.values.weights, s.values.scales, s.values.biases};
               },
               // Kept another way than row by row (Layout).
               [](const OneOf<RotatingKVCache, ChunkedKVCache, ArraysCache, CacheList, BatchKVCache, BatchRotatingKVCache,
                              TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) { return Arrays(); }});
}

/// A window in temporal order: which positions it holds, and their rows.
struct OpenWindow {
  std::vector<Tensor> arrays;
  std::int64_t rows = 0;
  std::int64_t tokens = 0;
  std::int64_t keep = 0;

  explicit OpenWindow(const RotatingKVCache& cache) {
    const auto& s = cache.state();
    arrays = {cache.temporal_order(s.keys), cache.temporal_order(s.values)};
    rows = arrays.front().dim(row_axis);
    tokens = s.offset;
    keep = std::min(s.keep, rows);
  }
  /// Rows of these positions, all of which it holds.
  [[nodiscard]] std::vector<Tensor> at(const std::vector<Span>& spans) const {
    std::vector<Tensor> out;
    for (const Tensor& array : arrays) {
      std::vector<Tensor> parts;
      for (const auto& [begin, end] : spans) {
        // Behind the pinned rows everything has moved up by what was evicted.
        const std::int64_t split = tokens == rows ? end : std::clamp(keep, begin, end);
        if (begin < split) parts.push_back(array.slice(row_axis, begin, split));
        if (split < end) parts.push_back(array.slice(row_axis, split - (tokens - rows), end - (tokens - rows)));
      }
      out.push_back(parts.size() == 1 ? parts.front() : concatenate(parts, row_axis));
    }
    return out;
  }
};

/// What of `spans` is not in `taken`, which is sorted and disjoint, as `spans` are.
std::vector<Span> without(const std::vector<Span>& spans, const std::vector<Span>& taken) {
  std::vector<Span> out;
  for (auto [begin, end] : spans) {
    for (const auto& [from, to] : taken) {
      if (to <= begin || from >= end) continue;
      if (from > begin) out.emplace_back(begin, from);
      begin = std::max(begin, to);
    }
    if (begin < end) out.emplace_back(begin, end);
  }
  return out;
}

bool within(const std::vector<Span>& spans, std::int64_t begin, std::int64_t end) {
  return std::ranges::any_of(spans, [&](const Span& span) { return span.first <= begin && span.second >= end; });
}

std::string entry_id(const Digest& space, const Digest& node, std::string_view label) {
  std::string text = "kvcache/entry/1";
  text.push_back('\0');
  return sha256(text + from_hex(space) + from_hex(node) + std::string(label));
}

class Putting {
 public:
  /// `space`: the namespace it belongs to, where its name is known and the salt that it is made of is not.
  Putting(Store& store, const Document& document, const Prompt& prompt, const PutOptions& options,
          const Namespace* space = nullptr)
      : store_(store),
        index_(store.index()),
        objects_(store.objects()),
        document_(document),
        prompt_(prompt),
        options_(options),
        given_(space),
        layout_(Layout::of(document.cache)),
        leaves_(leaves_of(document.cache)),
        tokens_(static_cast<std::int64_t>(prompt.tokens.size())),
        extras_(prompt.extras) {
    check_findings(document);
    if (tokens_ == 0)
      throw Error(ErrorKind::usage, "no token ids are given", "a store finds caches by the ids of their prompts");
    check_tokens(layout_, leaves_, tokens_);
    settings_ = index_.settings();
    find_space();
    open_windows();
  }

  Put run() {
    chain_ = chain_of(space_.name, prompt_.tokens, extras_, space_.block);
    Index::Published published;
    const auto publish = [&](bool again) {
      if (again) {
        // Somebody else may have made it meanwhile, with blocks of another size, or removed it.
        known_space_ = false;
        find_space();
        chain_ = chain_of(space_.name, prompt_.tokens, extras_, space_.block);
      }
      objects_of_put_.clear();
      collect();
      while (options_.check && differs()) collect();
      make_room_for(needed_bytes());
      write();
      published = index_.publish(publication_);
      return published.done;
    };
    until_published(index_, objects_,
                    {publish, objects_of_put_, [this] { return make_room_on_disk(); }, "this cache can be put"});
    return finish(std::move(published));
  }

 private:
  void find_space() {
    space_.name = space_name(prompt_.identity.key, layout_.json(), prompt_.salt);
    space_.identity = prompt_.identity;
    space_.layout = layout_.json();
    space_.salted = !prompt_.salt.empty();
    if (given_ != nullptr) {
      if (given_->layout != space_.layout)
        throw Error(
            ErrorKind::impossible, "its layers are not those that its namespace is of",
            Remedy(Remedy::Action::store, {{"verb", "check"}, {"data", ""}}) + " looks at the store that it comes from");
      space_.name = given_->name;
      space_.salted = given_->salted;
    }
    space_.state = layout_.has_state();
    space_.block = settings_.block.value_or(layout_.block());
    for (const Namespace& known : index_.namespaces(prompt_.identity.key)) {
      if (known.name != space_.name) continue;
      result_.warnings = attribute_warnings(known.identity, prompt_.identity);
      space_ = known;
      known_space_ = true;
    }
  }

  void open_windows() {
    held_.assign(layout_.windows().size(), -1);
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      const Spec& spec = *layout_.leaves()[i].first;
      if (spec.kind != Kind::window) continue;
      windows_.emplace_back(spec.window, OpenWindow(*as<RotatingKVCache>(*leaves_[i])));
      std::int64_t& held = held_[spec.window];
      const std::int64_t rows = windows_.back().second.rows;
      held = held < 0 ? rows : std::min(held, rows);
    }
  }

  [[nodiscard]] Node block_node(std::size_t i) const {
    Node node;
    node.hash = chain_.blocks[i];
    node.parent = chain_.before(i);
    node.space = space_.name;
    node.first = static_cast<std::int64_t>(i) * space_.block;
    const auto begin = prompt_.tokens.begin() + node.first;
    node.ids.assign(begin, begin + space_.block);
    node.extras = extras_within(extras_, node.first, space_.block);
    return node;
  }

  [[nodiscard]] Node tail_node() const {
    Node node;
    node.hash = chain_.tail;
    node.parent = chain_.before(chain_.blocks.size());
    node.space = space_.name;
    node.first = static_cast<std::int64_t>(chain_.blocks.size()) * space_.block;
    node.tail = true;
    node.ids.assign(prompt_.tokens.begin() + node.first, prompt_.tokens.end());
    node.extras = extras_within(extras_, node.first, static_cast<std::int64_t>(node.ids.size()));
    return node;
  }

  ObjectContents contents(const Node& node, std::string group, std::vector<Span> rows) const {
    ObjectContents out;
    out.node = node;
    out.group = std::move(group);
    out.rows = std::move(rows);
    return out;
  }

  /// Rows of a node, those before `begin` being elsewhere.
  ObjectContents rows_of(const Node& node, std::int64_t begin, std::int64_t end) const {
    ObjectContents out = contents(node, rows_group(begin - node.first), {{begin, end}});
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      const Spec& spec = *layout_.leaves()[i].first;
      if (spec.kind != Kind::rows) continue;
      ObjectPart part;
      for (const Tensor& array : row_arrays(*leaves_[i])) part.arrays.push_back(array.slice(row_axis, begin, end));
      out.specs.push_back(&spec);
      out.parts.push_back(std::move(part));
    }
    return out;
  }

  ObjectContents window_rows(const Node& node, std::size_t window, const std::string& group,
                             const std::vector<Span>& spans) const {
    ObjectContents out = contents(node, group, spans);
    std::size_t next = 0;
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      const Spec& spec = *layout_.leaves()[i].first;
      if (spec.kind != Kind::window) continue;
      const auto& [of, opened] = windows_[next++];
      if (of != window) continue;
      out.specs.push_back(&spec);
      out.parts.push_back({opened.at(spans), {}});
    }
    return out;
  }

  ObjectContents state_of(const Node& node) const {
    ObjectContents out = contents(node, std::string(state_group), {});
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      const Spec& spec = *layout_.leaves()[i].first;
      if (spec.kind != Kind::state) continue;
      WholeState whole = take_apart(*leaves_[i]);
      out.specs.push_back(&spec);
      out.parts.push_back({std::move(whole.arrays), std::move(whole.facts)});
    }
    if (document_.cache.model_state) out.model_state = document_.cache.model_state->entries;
    return out;
  }

  /// What of a node's rows is to be stored: those behind the rows of the longest tail that its tokens go on from, as long as
  /// that is not in too many pieces.
  ObjectContents new_rows(const Node& node, std::span<const Node> before) {
    for (const Node& tail : before) {
      if (!tail.tail || tail.rows() == nullptr || tail.ids.size() >= node.ids.size()) continue;
      if (common_tokens(tail, prompt_.tokens, extras_) != static_cast<std::int64_t>(tail.ids.size())) continue;
      const std::vector<Node> pieces = pieces_of_rows(index_, {&tail, 1}).front();
      if (pieces.empty() || pieces.size() >= most_pieces) break;
      publication_.needed.push_back(tail.hash);
      rely_on_rows(tail, tail.end());
      return rows_of(node, tail.end(), node.end());
    }
    return rows_of(node, node.first, node.end());
  }

  /// The rows of `node` before `end` are ours.
  void rely_on_rows(const Node& node, std::int64_t end) {
    if (!options_.check) return;
    const std::vector<Node> pieces = pieces_of_rows(index_, {&node, 1}).front();
    for (const Node& piece : pieces) {
      const auto [from, to] = piece.rows()->rows.front();
      if (from >= end) continue;
      rely_on(
          piece, [&, begin = from, behind = std::min(to, end)] { return rows_of(piece, begin, behind); }, to - from);
    }
  }

  [[nodiscard]] Index::Neighbours beside(const Node& node) const {
    const Index::Place place{node.parent, node.ids};
    return index_.near({&place, 1}, 16).front();
  }

  /// There is such an object of `node` already; it has `rows` rows, of which ours are the first.
  template <typename Ours>
  void rely_on(const Node& node, const Ours& ours, std::int64_t rows = 0) {
    if (options_.check) relied_.push_back({ours(), node.hash, rows});
  }

  /// What is there already is compared; from the first that differs on, everything is stored apart.
  bool differs() {
    for (const Known& known : relied_) {
      const auto other = difference(objects_, known, options_.how);
      if (!other) continue;
      extras_.push_back({static_cast<std::uint32_t>(known.ours.node.first), 1, "other rows " + *other});
      chain_ = chain_of(space_.name, prompt_.tokens, extras_, space_.block);
      result_.differs = true;
      return true;
    }
    return false;
  }

  /// What is not there yet.
  void collect() {
    publication_ = {};
    publication_.space = space_;
    todo_.clear();
    relied_.clear();
    const std::vector<Node> path = known_space_ || index_has_space() ? index_.path(chain_.blocks) : std::vector<Node>();
    check_ids(path);
    if (!path.empty()) publication_.needed.push_back(path.back().hash);
    std::vector<std::vector<Span>> covered(held_.size());  // by blocks of windows
    result_.new_blocks = 0;
    Node end;
    std::vector<ObjectContents> of_end;
    for (std::size_t i = 0; i < chain_.blocks.size(); ++i) {
      const Node* known = i < path.size() ? &path[i] : nullptr;
      Node node = block_node(i);
      std::vector<ObjectContents> wanted;
      if (layout_.has_rows() && (known == nullptr || known->rows() == nullptr)) {
        // Below a block that is new as well there is nothing.
        const Index::Neighbours around = i <= path.size() ? beside(node) : Index::Neighbours();
        wanted.push_back(new_rows(node, around.before));
        ++result_.new_blocks;
      } else if (known == nullptr) {
        ++result_.new_blocks;
      } else if (layout_.has_rows()) {
        rely_on_rows(*known, known->end());
      }
      for (std::size_t w = 0; w < held_.size(); ++w) {
        const bool there = known != nullptr && known->object(window_group(w)) != nullptr;
        const bool ours = within(layout_.windows()[w].held(tokens_, held_[w]), node.first, node.end());
        if (!there && !ours) continue;
        covered[w].emplace_back(node.first, node.end());
        if (!ours) continue;
        const auto rows = [&] { return window_rows(node, w, window_group(w), {{node.first, node.end()}}); };
        if (there)
          rely_on(*known, rows, space_.block);
        else
          wanted.push_back(rows());
      }
      if (i + 1 == chain_.blocks.size() && chain_.tail.empty()) {
        end = node;
        if (known != nullptr) end.objects = known->objects;
        of_end = std::move(wanted);
      } else if (known == nullptr || !wanted.empty()) {
        add(std::move(node), std::move(wanted));
      }
    }
    if (!chain_.tail.empty()) {
      end = tail_node();
      const Index::Neighbours around = beside(end);
      bool there = false;
      for (const Node& node : around.before) {
        if (node.hash != end.hash) continue;
        end.objects = node.objects;
        there = node.rows() != nullptr;
        if (there) rely_on_rows(node, end.end());
      }
      for (const Node& node : around.behind) {
        if (there || !layout_.has_rows() || node.rows() == nullptr) continue;
        if (common_tokens(node, prompt_.tokens, extras_) != static_cast<std::int64_t>(end.ids.size())) continue;
        there = true;  // its rows begin with these
        publication_.needed.push_back(node.hash);
        rely_on_rows(node, end.end());
      }
      if (layout_.has_rows() && !there) of_end.push_back(new_rows(end, around.before));
    }
    finish_end(std::move(end), std::move(of_end), covered);
    publication_.entry = entry();
  }

  void finish_end(Node end, std::vector<ObjectContents> wanted, const std::vector<std::vector<Span>>& covered) {
    const std::vector<ObjectInfo> known = std::move(end.objects);
    end.objects.clear();
    const auto there = [&](std::string_view group) { return std::ranges::find(known, group, &ObjectInfo::group); };
    end.held = held_;
    if (layout_.has_state()) end.cut = least();
    for (std::size_t w = 0; w < held_.size(); ++w) {
      const auto ours = layout_.windows()[w].held(tokens_, held_[w]);
      const auto rest = without(ours, covered[w]);
      if (rest.empty()) continue;
      const auto edge = there(edge_group(w));
      if (edge == known.end()) {
        wanted.push_back(window_rows(end, w, edge_group(w), rest));
      } else if (std::ranges::all_of(edge->rows, [&](const Span& one) { return within(ours, one.first, one.second); })) {
        rely_on(
            end, [&] { return window_rows(end, w, edge_group(w), edge->rows); }, rows_in(*edge));
      }
    }
    if (layout_.has_state()) {
      if (there(state_group) == known.end())
        wanted.push_back(state_of(end));
      else
        rely_on(end, [&] { return state_of(end); });
    }
    for (ObjectContents& one : wanted) {
      one.node = end;
      // Where no object of rows tells the tokens before the end's, the end tells them all.
      if (!layout_.has_rows()) one.all_ids = prompt_.tokens;
    }
    end_hash_ = end.hash;
    add(std::move(end), std::move(wanted));
  }

  [[nodiscard]] std::int64_t least() const {
    std::int64_t least = document_.cache.model_state ? tokens_ : 1;
    for (std::size_t i = 0; i < leaves_.size(); ++i)
      if (layout_.leaves()[i].first->kind == Kind::state) least = std::max(least, least_cut(*leaves_[i], tokens_));
    return least;
  }

  void add(Node node, std::vector<ObjectContents> wanted) {
    for (ObjectContents& one : wanted) todo_.emplace_back(publication_.nodes.size(), std::move(one));
    publication_.nodes.push_back(std::move(node));
  }

  [[nodiscard]] bool index_has_space() const {
    return std::ranges::any_of(index_.namespaces(prompt_.identity.key),
                               [&](const Namespace& one) { return one.name == space_.name; });
  }

  void check_ids(const std::vector<Node>& path) const {
    for (std::size_t i = 0; i < path.size(); ++i)
      if (common_tokens(path[i], prompt_.tokens, extras_) != space_.block)
        throw Error(
            ErrorKind::io, fmt::format("block {} of the store is of other tokens than its digest says", i),
            Remedy(Remedy::Action::store, {{"verb", "check"}, {"rebuild", ""}}) + " makes the index anew from the objects");
  }

  [[nodiscard]] Entry entry() {
    Entry entry;
    entry.id = entry_id(space_.name, end_hash_, options_.label);
    entry.space = space_.name;
    entry.node = end_hash_;
    entry.tokens = tokens_;
    entry.held = tokens_;
    entry.label = options_.label;
    entry.pinned = options_.pin;
    entry.created = time_now();
    entry.format = document_.format == nullptr ? "" : std::string(document_.format->id);
    entry.metadata = document_.cache.metadata;
    entry.metadata.erase(std::string(stamp_key));
    entry.facets = facets_of(document_.cache);
    const Index::EntryFilter same{{}, {}, {}, entry.id, {}};
    known_entry_ = false;
    for (const Entry& known : index_.entries(same)) {
      known_entry_ = true;
      entry.created = known.created;
      entry.pinned = entry.pinned || known.pinned;
      entry.hits = known.hits;
    }
    return entry;
  }

  [[nodiscard]] std::uint64_t array_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [node, one] : todo_)
      for (const ObjectPart& part : one.parts)
        for (const Tensor& array : part.arrays) bytes += array.defined() ? array.nbytes() : 0;
    return bytes;
  }

  /// At least what the objects will take, and hardly more.
  [[nodiscard]] std::uint64_t needed_bytes() const {
    std::uint64_t bytes = array_bytes() + most_label_bytes(entry_label(publication_.entry));
    if (!known_space_) bytes += most_label_bytes(space_label(space_));
    for (const auto& [node, one] : todo_) bytes += most_header_bytes(one);
    return bytes;
  }

  /// Before anything is evicted: what this entry goes on from is in use.
  void touch_needed() {
    std::vector<Index::Touch> touches;
    for (const Digest& hash : publication_.needed) touches.push_back({hash, {}});
    index_.touch(touches);
  }

  void make_room_for(std::uint64_t bytes) {
    if (settings_.max_size || settings_.min_free || settings_.min_free_part) touch_needed();
    make_room_to_write(store_, settings_, bytes, result_.evicted);
  }

  /// Whether anything was evicted. Nothing is where all of it would not be enough.
  bool make_room_on_disk() {
    touch_needed();
    return make_room_for_disk(store_, needed_bytes(), array_bytes(), result_.evicted);
  }

  void write() {
    const Time now = time_now();
    WriteOptions how = options_.how;
    how.progress = {};
    const auto add = [&](const std::string& name, bool replaces, std::function<ObjectFile()> make) {
      const auto write = [make = std::move(make), how](ByteSink& out) { return write_object_file(out, make(), how); };
      objects_of_put_.push_back({name, write, replaces});
    };
    if (!known_space_) {
      Namespace space = space_;
      space.created = now;
      add(object_name(space_.name, "namespace"), true, [space, now] { return label_file(space_label(space), now); });
    }
    const std::size_t first = objects_of_put_.size();
    for (const auto& [at, one] : todo_)
      add(object_name(publication_.nodes[at].hash, one.group), false,
          [this, now, contents = &one] { return object_file(*contents, now, settings_.compress); });
    add(object_name(publication_.entry.id, "entry"), true,
        [this, now] { return label_file(entry_label(publication_.entry), now); });
    store_all(index_, objects_, objects_of_put_);
    for (std::size_t i = 0; i < todo_.size(); ++i)
      publication_.nodes[todo_[i].first].objects.push_back(
          {todo_[i].second.group, objects_of_put_[first + i].bytes, todo_[i].second.rows});
    publication_.entry_bytes = objects_of_put_.back().bytes;
    // In the order of the store's own times, whatever the clock says.
    if (!known_entry_) publication_.entry.created = 0;
    // Also what was written just now: whoever collects leftovers cannot tell it from those. And the namespace's, which may have
    // lost its last entry since it was found.
    publication_.still_there = [this] {
      const auto there = [&](const std::string& name) { return objects_.size(name).has_value(); };
      return std::ranges::all_of(objects_of_put_, [&](const NewObject& one) { return there(one.name); }) &&
             there(object_name(space_.name, "namespace"));
    };
  }

  Put finish(Index::Published published) {
    for (const NewObject& one : objects_of_put_) {
      if (!one.stored) continue;
      result_.bytes += one.bytes;
      ++result_.objects;
    }
    discard(index_, objects_, published.discarded);
    result_.entry = std::move(published.entry);
    result_.block = space_.block;
    result_.blocks = chain_.blocks.size();
    return std::move(result_);
  }

  Store& store_;
  Index& index_;
  Objects& objects_;
  const Document& document_;
  const Prompt& prompt_;
  const PutOptions& options_;
  const Namespace* given_;
  Layout layout_;
  std::vector<const Cache*> leaves_;
  std::int64_t tokens_;
  std::vector<Extra> extras_;
  Settings settings_;
  Namespace space_;
  bool known_space_ = false;
  bool known_entry_ = false;
  Chain chain_;
  std::vector<std::pair<std::size_t, OpenWindow>> windows_;   // in the order of leaves
  std::vector<std::int64_t> held_;                            // rows of each of Layout::windows()
  std::vector<std::pair<std::size_t, ObjectContents>> todo_;  // of which node of the publication
  std::vector<Known> relied_;                                 // what is there instead, to be compared
  Index::Publication publication_;
  Digest end_hash_;
  std::vector<NewObject> objects_of_put_;
  Put result_;
};

}  // namespace

Put detail::put_into(Store& store, const Namespace& space, const Document& document, const Prompt& prompt,
                     const PutOptions& options) {
  return Putting(store, document, prompt, options, &space).run();
}

Put Store::put(const Document& document, const Prompt& prompt, const PutOptions& options) {
  impl_->require_writable();
  return Putting(*this, document, prompt, options).run();
}

}  // namespace kvcache::store
