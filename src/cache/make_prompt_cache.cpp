// make_prompt_cache: the empty caches that a model starts with.
#include "kvcache/caches.h"
#include "kvcache/prompt_cache.h"

namespace kvcache {
namespace {

std::unique_ptr<Cache> make_cache(const LayerSpec& spec) {
  switch (spec.kind) {
    case LayerSpec::Kind::rotating:
      return std::make_unique<RotatingKVCache>(spec.max_size, spec.keep);
    case LayerSpec::Kind::chunked:
      return std::make_unique<ChunkedKVCache>(spec.chunk_size);
    case LayerSpec::Kind::arrays:
      return std::make_unique<ArraysCache>(spec.slots);
    case LayerSpec::Kind::list:
      return std::make_unique<CacheList>(make_prompt_cache(spec.children));
    case LayerSpec::Kind::kv:
      break;
  }
  return std::make_unique<KVCache>();
}

}  // namespace

std::vector<std::unique_ptr<Cache>> make_prompt_cache(std::span<const LayerSpec> layers) {
  std::vector<std::unique_ptr<Cache>> caches;
  for (const LayerSpec& spec : layers) caches.push_back(make_cache(spec));
  return caches;
}

std::vector<std::unique_ptr<Cache>> make_prompt_cache(std::size_t layers, std::optional<std::int64_t> max_kv_size) {
  constexpr std::int64_t reference_keep = 4;
  LayerSpec spec;
  if (max_kv_size) {
    spec.kind = LayerSpec::Kind::rotating;
    spec.max_size = *max_kv_size;
    spec.keep = reference_keep;
  }
  return make_prompt_cache(std::vector<LayerSpec>(layers, spec));
}

}  // namespace kvcache
