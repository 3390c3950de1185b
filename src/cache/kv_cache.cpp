#include "kvcache/cache/kv_cache.h"

#include <algorithm>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "cache/mask.h"
#include "kvcache/cache/batch_kv_cache.h"

namespace kvcache {

std::unique_ptr<Cache> KVCache::copy() const {
  return std::make_unique<KVCache>(*this);
}

std::int64_t KVCache::size() const {
  return detail::rows_in(state_.keys);
}

std::uint64_t KVCache::nbytes() const {
  return detail::kv_nbytes(state_.keys, state_.values);
}

Facts KVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.tokens = size();
  detail::describe_arrays(state_.keys, state_.values, facts);
  facts.trimmable = true;
  facts.empty = empty();
  return facts;
}

std::int64_t KVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  const std::int64_t trimmed = std::min(size(), n);
  if (trimmed == 0) return 0;
  State next = state_;
  detail::each_array(next, [rows = size() - trimmed](const Tensor& array) { return array.slice(detail::row_axis, 0, rows); });
  state_ = std::move(next);
  return trimmed;
}

void KVCache::update(const Tensor& keys, const Tensor& values) {
  detail::check_legal(state_);
  detail::check_update(class_name(), state_.keys, state_.values, keys, values);
  State next = state_;
  detail::each_array(next, keys, values, detail::with_appended_rows);
  state_ = std::move(next);
}

Mask KVCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const {
  return detail::attention_mask(queries, size(), window, return_array);
}

std::optional<std::int64_t> KVCache::batch_size() const {
  if (empty()) return std::nullopt;
  return state_.keys.dim(detail::batch_axis);
}

std::unique_ptr<Cache> KVCache::merge(std::span<const Cache* const> caches) const {
  std::vector<detail::Sequence> sequences;
  for (const KVCache* cache : detail::mergeable<KVCache>(caches)) {
    sequences.push_back({cache->state_.keys, cache->state_.values, cache->size()});
  }
  return std::make_unique<BatchKVCache>(detail::side_by_side<BatchKVCache::State>(sequences));
}

std::optional<std::string> KVCache::mismatch(const Cache& other) const {
  const auto* same = as<KVCache>(other);
  // Aliases of one class in several runtimes do mix.
  if (same == nullptr) return Cache::mismatch(other);
  return detail::kv_mismatch(state_.keys, state_.values, same->state_.keys, same->state_.values);
}

std::vector<Cache::Part> KVCache::parts() const {
  if (empty()) return {};
  return {{"keys", state_.keys}, {"values", state_.values}};
}

}  // namespace kvcache
