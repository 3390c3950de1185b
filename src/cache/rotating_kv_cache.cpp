// The window itself is in rotating_update.cpp: this file says what a ring is and what can be asked of it.
#include "kvcache/cache/rotating_kv_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "cache/mask.h"
#include "kvcache/cache/batch_rotating_kv_cache.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {
constexpr const char* short_window_hint = "process the prompt again, or continue it in mlx-swift-lm@3.33";
}

RotatingKVCache::RotatingKVCache(std::int64_t max_size, std::int64_t keep) {
  if (max_size < 1 || keep < 0 || keep >= max_size) {
    throw Error(ErrorKind::usage, fmt::format("a window of {} tokens cannot keep {}", max_size, keep),
                "the window is larger than the pinned tokens");
  }
  state_.max_size = max_size;
  state_.keep = keep;
}

bool RotatingKVCache::State::is_short() const {
  return keys.defined() && wrapped && !*wrapped && detail::rows_in(keys) < std::min(offset, capacity());
}

Tensor RotatingKVCache::temporal_order(const Tensor& ring) const {
  const std::int64_t rows = detail::rows_in(ring);
  const std::int64_t keep = state_.keep;
  const std::int64_t idx = state_.idx;
  if (idx == rows) return ring;
  return concatenate(
      {ring.slice(detail::row_axis, 0, keep), ring.slice(detail::row_axis, idx, rows), ring.slice(detail::row_axis, keep, idx)},
      detail::row_axis);
}

void RotatingKVCache::unrotate() {
  detail::check_legal(state_);
  if (empty()) return;
  State next = state_;
  detail::each_array(next, [this](const Tensor& array) { return temporal_order(array); });
  next.idx = detail::rows_in(next.keys);
  if (next.wrapped) next.wrapped = false;
  state_ = std::move(next);
}

bool RotatingKVCache::wrapped() const {
  const std::int64_t rows = detail::rows_in(state_.keys);
  return state_.offset > rows || state_.idx < rows;
}

std::unique_ptr<Cache> RotatingKVCache::copy() const {
  return std::make_unique<RotatingKVCache>(*this);
}

std::int64_t RotatingKVCache::size() const {
  return std::min(state_.is_short() ? detail::rows_in(state_.keys) : state_.offset, state_.max_size);
}

std::uint64_t RotatingKVCache::nbytes() const {
  return detail::kv_nbytes(state_.keys, state_.values);
}

Facts RotatingKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.tokens = state_.offset;
  detail::describe_arrays(state_.keys, state_.values, facts);
  facts.trimmable = trimmable();
  facts.empty = empty();
  facts.keep = state_.keep;
  facts.max_size = state_.max_size;
  facts.idx = state_.idx;
  facts.wrapped = wrapped();
  return facts;
}

std::optional<std::string> RotatingKVCache::why_not_trimmable() const {
  if (auto why = detail::why_not_legal(state_)) return why;
  if (state_.is_short()) {
    if (trimmable_tokens() > 0) return std::nullopt;
    return fmt::format("its {} rows are the pinned ones: the tokens behind them are gone", detail::rows_in(state_.keys));
  }
  if (state_.offset < state_.max_size) return std::nullopt;
  const std::int64_t gone = state_.offset - detail::rows_in(state_.keys);
  // Sound where nothing was evicted, but every runtime refuses it as well.
  if (gone == 0) return fmt::format("its window of {} is full", state_.max_size);
  if (state_.keep == 0) {
    return fmt::format("the window of {} has wrapped: {} of its first tokens are gone", state_.max_size, gone);
  }
  return fmt::format("the window of {} has wrapped: {} tokens after its {} pinned ones are gone", state_.max_size, gone,
                     state_.keep);
}

std::int64_t RotatingKVCache::trimmable_tokens() const {
  if (state_.is_short()) return std::max<std::int64_t>(0, detail::rows_in(state_.keys) - state_.keep);
  return state_.offset < state_.max_size ? state_.offset : 0;
}

std::optional<Refusal> RotatingKVCache::why_not_trimmable_by(std::int64_t n) const {
  if (auto refusal = Cache::why_not_trimmable_by(n)) return refusal;
  if (std::min(n, state_.offset) <= trimmable_tokens()) return std::nullopt;
  return Refusal{fmt::format("at most {} of its last tokens can be removed: its window has wrapped, and {} pinned ones stay",
                             trimmable_tokens(), state_.keep),
                 {}};
}

std::int64_t RotatingKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_by(n));
  const std::int64_t trimmed = std::min(state_.offset, n);
  if (trimmed == 0) return 0;
  State next = state_;
  next.offset -= trimmed;
  next.idx -= trimmed;
  detail::each_array(next, [&](const Tensor& array) { return array.slice(detail::row_axis, 0, next.idx); });
  state_ = std::move(next);
  return trimmed;
}

Mask RotatingKVCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const {
  detail::check_mask_request(queries, window);
  const std::int64_t max_size = state_.max_size;
  const std::int64_t seen_rows = state_.is_short() ? detail::rows_in(state_.keys) : state_.offset;
  if (queries > 1) {
    // Whatever the ring holds, concatenation leaves max_size - 1 old rows in front of the new ones.
    const std::int64_t offset = std::min(max_size - 1, seen_rows);
    const std::int64_t seen = window.value_or(max_size);
    if (!return_array && queries <= seen - offset) return {Mask::Kind::causal, {}};
    return {Mask::Kind::array, detail::causal_mask(queries, offset, seen)};
  }
  if (!window || state_.offset < *window || max_size <= *window) return {};
  // Columns are ring rows: the newest `window` of them, rolled to where the next token will be written.
  const std::int64_t columns = std::min(seen_rows + 1, max_size);
  const std::int64_t idx = state_.idx >= max_size ? 0 : state_.idx;
  detail::check_mask_size({columns});
  return {Mask::Kind::array,
          detail::mask_of_spans({columns}, {{std::max<std::int64_t>(0, columns - *window), columns}}, idx + 1)};
}

std::optional<std::int64_t> RotatingKVCache::batch_size() const {
  if (empty()) return std::nullopt;
  return state_.keys.dim(detail::batch_axis);
}

std::unique_ptr<Cache> RotatingKVCache::merge(std::span<const Cache* const> caches) const {
  std::vector<detail::Sequence> sequences;
  for (const RotatingKVCache* cache : detail::mergeable<RotatingKVCache>(caches)) {
    const std::int64_t rows = detail::rows_in(cache->state_.keys);
    const std::int64_t dropped = rows - cache->size();
    if (cache->state_.is_short())
      throw Error(ErrorKind::impossible,
                  fmt::format("it holds {} rows after {} tokens: tokens were taken off after the window had wrapped", rows,
                              cache->state_.offset),
                  short_window_hint);
    // A batch has no pinned rows. The reference would silently drop them here, and with them what the model was told first.
    if (dropped > 0 && cache->state_.keep > 0) {
      throw Error(
          ErrorKind::impossible,
          fmt::format("{} rows do not fit a batch window of {}, which has no pinned rows: the {} pinned tokens would be lost",
                      rows, state_.max_size, cache->state_.keep),
          "process the prompt again with keep 0, or with a larger window");
    }
    detail::Sequence sequence{cache->state_.keys, cache->state_.values, cache->state_.offset};
    if (!cache->empty()) {
      detail::each_array(
          sequence, [&](const Tensor& array) { return cache->temporal_order(array).slice(detail::row_axis, dropped, rows); });
    }
    sequences.push_back(std::move(sequence));
  }
  auto state = detail::side_by_side<BatchRotatingKVCache::State>(sequences);
  state.max_size = state_.max_size;
  state.total = detail::rows_in(state.keys);
  state.idx = state.total;
  return std::make_unique<BatchRotatingKVCache>(std::move(state));
}

std::optional<std::string> RotatingKVCache::mismatch(const Cache& other) const {
  const auto* same = as<RotatingKVCache>(other);
  if (same == nullptr) return Cache::mismatch(other);
  if (state_.max_size != same->state_.max_size) {
    return fmt::format("windows {} and {}", state_.max_size, same->state_.max_size);
  }
  return detail::kv_mismatch(state_.keys, state_.values, same->state_.keys, same->state_.values);
}

std::vector<Cache::Part> RotatingKVCache::parts() const {
  if (empty()) return {};
  return {{"keys", state_.keys}, {"values", state_.values}};
}

}  // namespace kvcache
