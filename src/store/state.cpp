#include "store/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cache/class_names.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::store::detail {
namespace {

using Json = nlohmann::json;

template <typename T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
std::optional<T> optional_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

WholeState of_arrays(const ArraysCache& cache) {
  const auto& s = cache.state();
  Json facts = {{"class", "ArraysCache"}, {"mamba", s.mamba}, {"set", Json::array()}};
  for (const Tensor& slot : s.slots) facts["set"].push_back(slot.defined());
  facts["left_padding"] = json_of(s.left_padding);
  facts["lengths"] = json_of(s.lengths);
  return {facts.dump(), s.slots};
}

WholeState of_chunked(const ChunkedKVCache& cache) {
  // The rows that hold tokens, whatever the file had behind them.
  const auto s = cache.valid();
  return {Json{{"class", "ChunkedKVCache"},
               {"chunk_size", json_of(s.chunk_size)},
               {"start_position", s.start_position},
               {"offset", json_of(s.true_offset)}}
              .dump(),
          {s.keys, s.values}};
}

WholeState of_turbo(const TurboQuantKVCache& cache) {
  const auto& s = cache.state();
  return {Json{{"class", "TurboQuantKVCache"},
               {"form", static_cast<int>(s.form)},
               {"offset", s.offset},
               {"bits", s.bits},
               {"key_bits", s.key_bits},
               {"value_bits", s.value_bits},
               {"seed", s.seed}}
              .dump(),
          s.arrays};
}

WholeState of_tiles(const VarianceNormalizedKVCache& cache) {
  const auto& s = cache.state();
  return {Json{{"class", "VarianceNormalizedKVCache"},
               {"tile_size", s.tile_size},
               {"offset", s.offset},
               {"key_bits", s.key_bits},
               {"value_bits", s.value_bits},
               {"sinkhorn_iterations", s.sinkhorn_iterations},
               {"tile_count", s.tile_count},
               {"tail_length", s.tail_length},
               {"key_dtype", json_of(s.key_dtype)},
               {"value_dtype", json_of(s.value_dtype)}}
              .dump(),
          s.arrays};
}

[[noreturn]] void unreadable(const std::string& what) {
  throw Error(ErrorKind::unreadable, fmt::format("a stored state is not readable: {}", what),
              Remedy(Remedy::Action::store, {{"verb", "check"}, {"data", ""}, {"repair", ""}}) + " removes what is damaged");
}

std::unique_ptr<Cache> to_arrays(const Json& facts, const std::vector<Tensor>& arrays) {
  const auto& set = facts.at("set");
  if (set.size() != arrays.size()) unreadable("another number of slots");
  ArraysCache::State s;
  s.slots = arrays;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    if (set[i].get<bool>() != arrays[i].defined()) unreadable("a slot is missing");
  s.left_padding = optional_of<Int32s>(facts, "left_padding");
  s.lengths = optional_of<Int32s>(facts, "lengths");
  s.mamba = facts.at("mamba");
  return std::make_unique<ArraysCache>(std::move(s));
}

void check_rank4(const Tensor& array) {
  if (!array.defined() || array.rank() != 4) unreadable("an array that is no [B, H, S, D]");
}

std::unique_ptr<Cache> to_chunked(const Json& facts, const std::vector<Tensor>& arrays) {
  if (arrays.size() != 2) unreadable("keys or values are missing");
  for (const Tensor& array : arrays) check_rank4(array);
  ChunkedKVCache::State s;
  s.keys = arrays[0];
  s.values = arrays[1];
  s.chunk_size = optional_of<std::int64_t>(facts, "chunk_size");
  s.start_position = facts.at("start_position");
  s.true_offset = optional_of<std::int64_t>(facts, "offset");
  s.offset_stored = true;
  auto cache = std::make_unique<ChunkedKVCache>(std::move(s));
  if (cache->state().start_position < 0 || cache->valid_rows() != cache->stored_rows())
    unreadable("rows and offset do not agree");
  return cache;
}

std::unique_ptr<Cache> to_turbo(const Json& facts, const std::vector<Tensor>& arrays) {
  TurboQuantKVCache::State s;
  s.arrays = arrays;
  s.offset = facts.at("offset");
  s.bits = facts.at("bits");
  s.key_bits = facts.at("key_bits");
  s.value_bits = facts.at("value_bits");
  s.seed = facts.at("seed");
  const auto form = TurboQuantKVCache::form_of(arrays, s.key_bits);
  if (!form || static_cast<int>(*form) != facts.at("form").get<int>()) unreadable("arrays of another form");
  s.form = *form;
  return std::make_unique<TurboQuantKVCache>(std::move(s));
}

std::unique_ptr<Cache> to_tiles(const Json& facts, const std::vector<Tensor>& arrays) {
  VarianceNormalizedKVCache::State s;
  s.arrays = arrays;
  s.tile_size = facts.at("tile_size");
  s.offset = facts.at("offset");
  s.key_bits = facts.at("key_bits");
  s.value_bits = facts.at("value_bits");
  s.sinkhorn_iterations = facts.at("sinkhorn_iterations");
  s.tile_count = facts.at("tile_count");
  s.tail_length = facts.at("tail_length");
  s.key_dtype = optional_of<std::string>(facts, "key_dtype");
  s.value_dtype = optional_of<std::string>(facts, "value_dtype");
  if (!VarianceNormalizedKVCache::fits(arrays.size(), s.tile_count, s.tail_length)) unreadable("another number of tiles");
  return std::make_unique<VarianceNormalizedKVCache>(std::move(s));
}

}  // namespace

WholeState take_apart(const Cache& cache) {
  return visit(cache, PerClass{[](const ArraysCache& arrays) { return of_arrays(arrays); },
                               [](const ChunkedKVCache& chunked) { return of_chunked(chunked); },
                               [](const TurboQuantKVCache& turbo) { return of_turbo(turbo); },
                               [](const VarianceNormalizedKVCache& tiles) { return of_tiles(tiles); },
                               [](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, CacheList, BatchKVCache,
                                              BatchRotatingKVCache, OpaqueCache> auto& other) -> WholeState {
                                 throw Error(ErrorKind::impossible, fmt::format("a {} cannot be stored", other.class_name()));
                               }});
}

std::unique_ptr<Cache> put_together(const WholeState& state) {
  try {
    const Json facts = Json::parse(state.facts);
    const std::string name = facts.at("class");
    const auto kind = kvcache::detail::kind_of_class(name);
    if (!kind) unreadable(fmt::format("class {}", name));
    switch (*kind) {
      case CacheKind::arrays:
        return to_arrays(facts, state.arrays);
      case CacheKind::chunked:
        return to_chunked(facts, state.arrays);
      case CacheKind::turbo_quant:
        return to_turbo(facts, state.arrays);
      case CacheKind::variance_normalized:
        return to_tiles(facts, state.arrays);
      case CacheKind::kv:
      case CacheKind::rotating:
      case CacheKind::quantized:
      case CacheKind::list:
      case CacheKind::batch:
      case CacheKind::batch_rotating:
      case CacheKind::opaque:
        break;  // not kept as a whole
    }
    unreadable(fmt::format("class {}", name));
  } catch (const Json::exception& e) {
    unreadable(e.what());
  }
}

std::int64_t least_cut(const Cache& cache, std::int64_t tokens) {
  std::int64_t least =
      visit(cache, PerClass{[](const ChunkedKVCache& chunked) {
                              const auto& s = chunked.state();
                              const std::int64_t size = s.chunk_size.value_or(0);
                              return size > 0 ? (s.start_position + size - 1) / size * size : s.start_position;
                            },
                            [](const TurboQuantKVCache&) { return std::int64_t{1}; },
                            [&](const VarianceNormalizedKVCache& tiles) { return tokens - tiles.trimmable_tokens(); },
                            [&](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, ArraysCache, CacheList, BatchKVCache,
                                            BatchRotatingKVCache, OpaqueCache> auto&) { return tokens; }});
  least = std::clamp<std::int64_t>(least, std::min<std::int64_t>(1, tokens), tokens);
  // The cache has the last word.
  return least < tokens && cache.why_not_trimmable_to(least) ? tokens : least;
}

}  // namespace kvcache::store::detail
