// A cache from the objects that it is stored in: concatenations of parts of their arrays, of which nothing is read yet.
#include <fmt/format.h>

#include <map>

#include "cache/axes.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "store/impl.h"
#include "store/object_file.h"
#include "store/state.h"

namespace kvcache::store::detail {
namespace {

using kvcache::detail::row_axis;

class Assembly {
 public:
  Assembly(const Objects& objects, const Layout& layout, const Plan& plan) : objects_(objects), layout_(layout), plan_(plan) {}

  PromptCache run() {
    std::vector<ObjectPart> states;
    if (plan_.state) states = object(object_name(plan_.state->hash, state_group)).states();
    PromptCache cache;
    std::vector<std::unique_ptr<Cache>> leaves;
    std::size_t next_rows = 0;
    std::size_t next_state = 0;
    std::vector<std::size_t> next_window(layout_.windows().size());
    for (const auto& [spec, where] : layout_.leaves()) {
      switch (spec->kind) {
        case Kind::rows:
          leaves.push_back(rows_cache(*spec, next_rows++));
          break;
        case Kind::window:
          leaves.push_back(window_cache(*spec, next_window[spec->window]++));
          break;
        case Kind::state:
          if (next_state >= states.size())
            throw Error(ErrorKind::unreadable, fmt::format("the stored state of {} is missing", where));
          leaves.push_back(state_cache(states[next_state++]));
          break;
        case Kind::unused:
        case Kind::list:
          leaves.push_back(unused_cache(*spec));
          break;
      }
    }
    cache.layers = layers_of(layout_, std::move(leaves));
    if (!layout_.model_state().empty()) {
      if (states.empty() || states.back().arrays.size() != layout_.model_state().size())
        throw Error(ErrorKind::unreadable, "the stored model state is missing");
      cache.model_state.emplace();
      for (std::size_t i = 0; i < layout_.model_state().size(); ++i)
        cache.model_state->entries.emplace_back(layout_.model_state()[i], states.back().arrays[i]);
    }
    return cache;
  }

 private:
  const StoredObject& object(const std::string& name) {
    auto& stored = opened_[name];
    if (stored == nullptr) stored = std::make_unique<StoredObject>(objects_.open(name), name);
    return *stored;
  }

  /// Array `array` of a part, of all its pieces.
  Tensor joined(const std::vector<Piece>& pieces, const Spec& spec, std::size_t part, std::size_t array) {
    std::vector<Tensor> parts;
    for (const Piece& piece : pieces) {
      const Tensor rows = object(piece.object).rows(part, array, spec.arrays.size(), spec.arrays[array], piece.rows);
      parts.push_back(piece.begin == 0 && piece.end == piece.rows ? rows : rows.slice(row_axis, piece.begin, piece.end));
    }
    if (parts.empty()) throw Error(ErrorKind::unreadable, "no rows are stored");
    return parts.size() == 1 ? parts.front() : concatenate(parts, row_axis);
  }

  std::unique_ptr<Cache> rows_cache(const Spec& spec, std::size_t part) {
    std::vector<Tensor> arrays;
    for (std::size_t i = 0; i < spec.arrays.size(); ++i) arrays.push_back(joined(plan_.rows, spec, part, i));
    if (spec.arrays.size() == 2) return std::make_unique<KVCache>(KVCache::State{arrays[0], arrays[1], "KVCache"});
    QuantizedKVCache::State state;
    state.keys = {arrays[0], arrays[1], arrays[2]};
    state.values = {arrays[3], arrays[4], arrays[5]};
    state.offset = plan_.tokens;
    state.bits = spec.bits;
    state.group_size = spec.group_size;
    return std::make_unique<QuantizedKVCache>(std::move(state));
  }

  std::unique_ptr<Cache> window_cache(const Spec& spec, std::size_t part) {
    RotatingKVCache::State state;
    state.keys = joined(plan_.windows.at(spec.window), spec, part, 0);
    state.values = joined(plan_.windows.at(spec.window), spec, part, 1);
    state.keep = spec.keep;
    state.max_size = spec.max_size;
    state.offset = plan_.tokens;
    state.idx = state.keys.dim(row_axis);
    // Fewer rows than the window has room for, and than there are tokens: only mlx-swift-lm goes on with that, and has to be
    // told.
    if (state.idx < std::min(state.offset, state.max_size)) state.wrapped = false;
    return std::make_unique<RotatingKVCache>(std::move(state));
  }

  std::unique_ptr<Cache> state_cache(const ObjectPart& part) const {
    std::unique_ptr<Cache> cache = put_together({part.facts, part.arrays});
    if (plan_.state->end() > plan_.tokens) cache->trim_to(plan_.tokens);
    return cache;
  }

  static std::unique_ptr<Cache> unused_cache(const Spec& spec);

  const Objects& objects_;
  const Layout& layout_;
  const Plan& plan_;
  std::map<std::string, std::unique_ptr<StoredObject>> opened_;
};

std::unique_ptr<Cache> Assembly::unused_cache(const Spec& spec) {
  if (spec.class_name == "RotatingKVCache") return std::make_unique<RotatingKVCache>(spec.max_size, spec.keep);
  if (spec.class_name == "QuantizedKVCache") return std::make_unique<QuantizedKVCache>(spec.group_size, spec.bits);
  if (spec.class_name == "ArraysCache") return std::make_unique<ArraysCache>(unused_slots(spec));
  if (spec.class_name == "ChunkedKVCache") {
    ChunkedKVCache::State state;
    state.chunk_size = unused_chunk(spec);
    return std::make_unique<ChunkedKVCache>(std::move(state));
  }
  return std::make_unique<KVCache>();
}

}  // namespace

PromptCache assemble(const Objects& objects, const Layout& layout, const Plan& plan) {
  return Assembly(objects, layout, plan).run();
}

}  // namespace kvcache::store::detail
