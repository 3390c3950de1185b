#include "foreign/prompt_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

/// Every cache that is no list, depth first.
void each_leaf(const Cache& cache, const std::function<void(const Cache&)>& take) {
  if (const auto* list = as<CacheList>(cache)) {
    for (const auto& child : list->children()) each_leaf(*child, take);
    return;
  }
  take(cache);
}

bool first_row_is_zero(const Tensor& rows) {
  const Tensor first = rows.slice(2, 0, 1);
  // Of one token: some kilobytes.
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20U;
  if (first.nbytes() == 0 || first.nbytes() > most_bytes) return false;
  std::vector<std::byte> bytes(static_cast<std::size_t>(first.nbytes()));
  first.read(0, bytes);
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::int64_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t same = 0;
  while (same < n && a[same] == b[same]) ++same;
  return static_cast<std::int64_t>(same);
}

std::optional<std::int64_t> agreed_tokens(const PromptCache& cache) {
  std::optional<std::int64_t> tokens;
  std::size_t first = 0;
  for (std::size_t i = 0; i < cache.layers.size(); ++i)
    each_leaf(*cache.layers[i], [&](const Cache& leaf) {
      const Facts facts = leaf.facts();
      if (facts.batch.value_or(1) != 1 || (facts.offsets && facts.offsets->size() != 1))
        throw Error(ErrorKind::impossible, fmt::format("{} is a batch, and an entry is one prompt", layer_name(cache, i)));
      if (!facts.tokens || leaf.empty()) return;
      if (!tokens) {
        tokens = facts.tokens;
        first = i;
      }
      if (*tokens != *facts.tokens)
        throw Error(ErrorKind::impossible, fmt::format("{} has seen {} tokens and {} {}", layer_name(cache, first), *tokens,
                                                       layer_name(cache, i), *facts.tokens));
    });
  return tokens;
}

void require_seen(const PromptCache& cache, std::span<const std::int32_t> ids) {
  const std::optional<std::int64_t> tokens = agreed_tokens(cache);
  if (ids.empty() || !tokens || *tokens == static_cast<std::int64_t>(ids.size())) return;
  throw Error(
      ErrorKind::impossible,
      fmt::format("{} token ids, but its layers have seen {} tokens: they are not those of one prompt", ids.size(), *tokens),
      {}, "KV908");
}

std::vector<std::int32_t> ids_held(const PromptCache& cache, std::span<const std::int32_t> ids) {
  const auto n = static_cast<std::int64_t>(ids.size());
  const std::int64_t tokens = agreed_tokens(cache).value_or(n);
  if (tokens != n && tokens != n - 1)
    throw Error(ErrorKind::impossible,
                fmt::format("{} token ids, but the cache has seen {} tokens: one of them is of another prompt", n, tokens), {},
                "KV908");
  return {ids.begin(), ids.begin() + tokens};
}

std::vector<std::int64_t> windows_with_zero_row(const PromptCache& cache) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    bool found = false;
    each_leaf(*cache.layers[i], [&](const Cache& leaf) {
      const auto* ring = as<RotatingKVCache>(leaf);
      if (ring == nullptr || ring->empty()) return;
      const RotatingKVCache::State& state = ring->state();
      if (state.offset < state.max_size || state.keys.rank() != 4 || state.values.rank() != 4 || state.keys.dim(2) == 0) return;
      found = found || (first_row_is_zero(state.keys) && first_row_is_zero(state.values));
    });
    if (found) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

void cut_to_prompt(PromptCache& cache, std::vector<std::int32_t>& ids, std::span<const std::int32_t> wanted) {
  const std::int64_t common = common_prefix(ids, wanted);
  if (common == static_cast<std::int64_t>(ids.size())) return;
  for (const auto& layer : cache.layers)
    if (!agreed_tokens(cache) || is<ArraysCache>(*layer))
      throw Error(ErrorKind::impossible,
                  fmt::format("it goes on for {} tokens behind the {} that the prompt has, and recurrent "
                              "state cannot be taken back",
                              static_cast<std::int64_t>(ids.size()) - common, common));
  trim_prompt_cache_to(cache, common);
  ids.resize(static_cast<std::size_t>(common));
}

}  // namespace kvcache::foreign
