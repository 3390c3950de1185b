// Windows into plain caches and back (docs/formats.md, "What conversion keeps"); casting keys and values.
#include <fmt/format.h>

#include <algorithm>

#include "cache/context.h"
#include "cache/invariants/invariants.h"
#include "cache/map_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/transform.h"

namespace kvcache {

std::size_t convert_to_plain(PromptCache& cache) {
  return detail::map_layers(cache, [](const std::string& where, const Cache& layer) -> std::unique_ptr<Cache> {
    const auto* ring = as<RotatingKVCache>(layer);
    if (ring == nullptr) return nullptr;
    if (ring->empty()) return std::make_unique<KVCache>();
    detail::in_context(where, [&] { detail::check_legal(layer); });
    const RotatingKVCache::State& s = ring->state();
    const std::int64_t rows = s.keys.dim(2);
    if (s.offset != rows)
      throw Error(ErrorKind::impossible,
                  fmt::format("{} has dropped {} of its {} tokens: as a KVCache every position would shift by that many", where,
                              s.offset - rows, s.offset),
                  "keep the window, or process the prompt again without one");
    return std::make_unique<KVCache>(KVCache::State{ring->temporal_order(s.keys), ring->temporal_order(s.values), "KVCache"});
  });
}

WindowsMade convert_to_rotating(PromptCache& cache, std::int64_t max_size, std::int64_t keep) {
  if (keep < 0 || keep >= max_size)
    throw Error(ErrorKind::usage, fmt::format("a window of {} cannot pin {} tokens", max_size, keep),
                "keep must be below max_size");
  WindowsMade made;
  made.layers = detail::map_layers(cache, [&](const std::string& where, const Cache& layer) -> std::unique_ptr<Cache> {
    const auto* plain = as<KVCache>(layer);
    if (plain == nullptr) return nullptr;
    if (plain->empty()) return std::make_unique<RotatingKVCache>(max_size, keep);
    detail::in_context(where, [&] { detail::check_legal(layer); });
    const std::int64_t rows = plain->size();
    const auto fit = [&](const Tensor& t) {
      return rows <= max_size ? t : concatenate({t.slice(2, 0, keep), t.slice(2, rows - (max_size - keep), rows)}, 2);
    };
    RotatingKVCache::State s;
    s.keys = fit(plain->state().keys);
    s.values = fit(plain->state().values);
    s.keep = keep;
    s.max_size = max_size;
    s.offset = rows;
    s.idx = s.keys.dim(2);
    made.dropped = std::max(made.dropped, rows - s.idx);
    return std::make_unique<RotatingKVCache>(std::move(s));
  });
  return made;
}

std::size_t cast_prompt_cache(PromptCache& cache, Dtype dtype, bool allow_overflow, const std::shared_ptr<CastStats>& stats) {
  if (!is_float(dtype))
    throw Error(ErrorKind::usage, fmt::format("keys and values cannot be {}", name(dtype)), "f16, bf16 or f32");
  return detail::map_layers(cache, [&](const std::string& where, const Cache& layer) -> std::unique_ptr<Cache> {
    const auto convert = [&]<typename Class>(const Class& typed) -> std::unique_ptr<Cache> {
      auto state = typed.state();
      detail::in_context(where, [&] { detail::check_legal(state); });
      if (!state.keys.defined() || (state.keys.dtype() == dtype && state.values.dtype() == dtype)) return nullptr;
      state.keys = cast(state.keys, dtype, {.label = where + " keys", .allow_overflow = allow_overflow, .stats = stats});
      state.values = cast(state.values, dtype, {.label = where + " values", .allow_overflow = allow_overflow, .stats = stats});
      return std::make_unique<Class>(std::move(state));
    };
    return visit(
        layer, PerClass{[&](const OneOf<KVCache, RotatingKVCache, ChunkedKVCache, BatchKVCache, BatchRotatingKVCache> auto& c) {
                          return convert(c);
                        },
                        // Packed values, and state whose dtype the model chose. Lists are cast child by child.
                        [](const OneOf<QuantizedKVCache, ArraysCache, CacheList, TurboQuantKVCache, VarianceNormalizedKVCache,
                                       OpaqueCache> auto&) -> std::unique_ptr<Cache> { return nullptr; }});
  });
}

}  // namespace kvcache
