// What a batch of windows is and what can be asked of it; how it takes new rows is in batch_rotating_update.cpp.
#include "kvcache/cache/batch_rotating_kv_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "cache/mask.h"
#include "kvcache/cache/rotating_kv_cache.h"
#include "kvcache/error.h"

namespace kvcache {

BatchRotatingKVCache::BatchRotatingKVCache(std::int64_t max_size, Int32s left_padding) {
  if (max_size < 1) throw Error(ErrorKind::usage, fmt::format("a window of {} tokens", max_size));
  detail::check_right_padding(left_padding, static_cast<std::int64_t>(left_padding.size()));
  state_.max_size = max_size;
  for (const std::int32_t padding : left_padding) state_.offset.push_back(-padding);
  state_.left_padding = std::move(left_padding);
}

void BatchRotatingKVCache::unrotate() {
  detail::check_legal(state_);
  if (!state_.rotated) return;
  State next = state_;
  detail::each_array(next, [&](const Tensor& array) { return array.roll(detail::row_axis, -next.idx); });
  next.idx = detail::rows_in(next.keys);
  next.rotated = false;
  state_ = std::move(next);
}

std::unique_ptr<Cache> BatchRotatingKVCache::copy() const {
  return std::make_unique<BatchRotatingKVCache>(*this);
}

std::int64_t BatchRotatingKVCache::size() const {
  return std::min(state_.total, state_.max_size);
}

std::uint64_t BatchRotatingKVCache::nbytes() const {
  return detail::kv_nbytes(state_.keys, state_.values);
}

Facts BatchRotatingKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  detail::describe_batch(state_.keys, state_.values, state_.offset, state_.left_padding, facts);
  facts.trimmable = trimmable();
  facts.max_size = state_.max_size;
  facts.idx = state_.idx;
  facts.wrapped = state_.rotated || state_.total > detail::rows_in(state_.keys) || facts.tokens > facts.rows.value_or(0);
  return facts;
}

std::optional<std::string> BatchRotatingKVCache::why_not_trimmable() const {
  if (auto why = detail::why_not_legal(state_)) return why;
  const std::int64_t rows = detail::rows_in(state_.keys);
  if (state_.total < state_.max_size) {
    for (std::size_t b = 0; b < state_.offset.size(); ++b) {
      const std::int64_t held = rows - state_.left_padding[b];
      if (!empty() && state_.offset[b] > std::min(held, rows))
        return fmt::format("sequence {} has only {} of its {} tokens", b, std::clamp<std::int64_t>(held, 0, rows),
                           state_.offset[b]);
    }
    return std::nullopt;
  }
  const std::int64_t gone = state_.total - rows;
  if (gone == 0) return fmt::format("its window of {} is full", state_.max_size);
  return fmt::format("the window of {} has wrapped: {} of its first rows are gone", state_.max_size, gone);
}

std::optional<Refusal> BatchRotatingKVCache::why_not_trimmable_by(std::int64_t n) const {
  if (auto refusal = Cache::why_not_trimmable_by(n)) return refusal;
  return empty() ? std::nullopt : detail::why_not_from_each(state_.offset, n);
}

std::optional<Refusal> BatchRotatingKVCache::why_not_trimmable_to(std::int64_t /*length*/) const {
  return Cache::why_not_trimmable_by(0);
}

std::int64_t BatchRotatingKVCache::trim_to(std::int64_t length) {
  detail::check_trim_count(length);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_to(length));
  detail::check_not_pending(right_padding_, "trim");
  if (empty()) return 0;
  State next = state_;
  const std::int64_t trimmed = detail::keep_first(next, length);
  next.idx = detail::rows_in(next.keys);
  next.total = next.idx;
  if (trimmed > 0) state_ = std::move(next);
  return trimmed;
}

std::int64_t BatchRotatingKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_by(n));
  detail::check_not_pending(right_padding_, "trim");
  const std::int64_t trimmed = std::min(state_.total, n);
  if (trimmed == 0) return 0;
  State next = state_;
  next.total -= trimmed;
  next.idx -= trimmed;
  next.offset = detail::plus(next.offset, -trimmed);
  detail::each_array(next, [&](const Tensor& array) { return array.slice(detail::row_axis, 0, next.total); });
  state_ = std::move(next);
  return trimmed;
}

Mask BatchRotatingKVCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool /*return_array*/) const {
  detail::check_mask_request(queries, window);
  const std::int64_t max_size = state_.max_size;
  const std::int64_t offset = std::min(max_size - 1, state_.total);
  // Columns are rows after the update to come: rows it drops from the front take their padding along, and one query that goes
  // into a full ring overwrites the oldest row. (In a rotated ring several queries drop one row as well, which the reference
  // does not count: its mask then hides the oldest token of a sequence with left padding, and so does this one.)
  const bool one = queries == 1;
  const bool overwrites = one && (state_.rotated || state_.idx >= max_size);
  const std::int64_t dropped = std::max<std::int64_t>(0, state_.idx - max_size + (one ? 0 : 1));
  const Int32s left_padding = detail::plus(state_.left_padding, -dropped - (overwrites ? 1 : 0));
  const std::int64_t idx = state_.idx >= max_size ? 0 : state_.idx;
  return {Mask::Kind::array,
          detail::left_padded_mask(queries, offset, window.value_or(max_size), left_padding, overwrites ? idx + 1 : 0)};
}

void BatchRotatingKVCache::filter(std::span<const std::int64_t> indices) {
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "filter");
  detail::check_sequences(indices, batch_size());
  if (!batch_size()) return;
  State next = state_;
  detail::take_sequences(next, indices);
  state_ = std::move(next);
}

void BatchRotatingKVCache::extend(const Cache& other) {
  const BatchRotatingKVCache& batch = detail::extensible(*this, other);
  detail::check_not_pending(right_padding_, "extend");
  detail::check_not_pending(batch.right_padding_, "extend");
  BatchRotatingKVCache mine = *this;
  BatchRotatingKVCache theirs = batch;
  if (state_.rotated != batch.state_.rotated || state_.idx != batch.state_.idx) {
    mine.unrotate();
    theirs.unrotate();
  }
  State next = mine.state_;
  detail::append_sequences(next, theirs.state_);
  next.idx = std::max(next.idx, theirs.state_.idx);
  next.total = std::max(next.total, theirs.state_.total);
  state_ = std::move(next);
}

std::unique_ptr<Cache> BatchRotatingKVCache::extract(std::int64_t index) const {
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "extract");
  detail::check_sequence(index, batch_size());
  BatchRotatingKVCache ordered = *this;
  ordered.unrotate();
  const State& all = ordered.state_;
  RotatingKVCache::State one;
  one.max_size = all.max_size;
  if (empty()) return std::make_unique<RotatingKVCache>(std::move(one));
  const std::int64_t rows = detail::rows_in(all.keys);
  const std::int64_t begin = std::clamp<std::int64_t>(all.left_padding[static_cast<std::size_t>(index)], 0, rows);
  detail::each_array(one, all.keys, all.values, [&](const Tensor& /*unset*/, const Tensor& array) {
    return array.slice(detail::batch_axis, index, index + 1).slice(detail::row_axis, begin, rows);
  });
  // Below 0 after trimming more than this sequence held.
  one.offset = std::max(0, all.offset[static_cast<std::size_t>(index)]);
  one.idx = rows - begin;
  if (one.idx < std::min(one.offset, one.max_size)) {
    throw Error(ErrorKind::impossible,
                fmt::format("sequence {} has only {} of the last {} tokens of its window: padding took the place of the others",
                            index, one.idx, std::min(one.offset, one.max_size)),
                "it has them all again after as many more tokens");
  }
  return std::make_unique<RotatingKVCache>(std::move(one));
}

void BatchRotatingKVCache::prepare(const Int32s& right_padding) {
  detail::check_legal(state_);
  if (!batch_size()) return;  // no rows, so none to roll
  detail::check_right_padding(right_padding, static_cast<std::int64_t>(state_.offset.size()));
  right_padding_ = detail::pending(right_padding);
  padded_rows_stored_ = false;
}

std::optional<std::int64_t> BatchRotatingKVCache::batch_size() const {
  if (state_.offset.empty()) return std::nullopt;  // never used: files do not say for how many sequences
  return static_cast<std::int64_t>(state_.offset.size());
}

std::optional<std::string> BatchRotatingKVCache::mismatch(const Cache& other) const {
  const auto* same = as<BatchRotatingKVCache>(other);
  if (same == nullptr) return Cache::mismatch(other);
  if (state_.max_size != same->state_.max_size) {
    return fmt::format("windows {} and {}", state_.max_size, same->state_.max_size);
  }
  return detail::kv_mismatch(state_.keys, state_.values, same->state_.keys, same->state_.values);
}

std::vector<Cache::Part> BatchRotatingKVCache::parts() const {
  return detail::batch_parts(state_.keys, state_.values, state_.offset, state_.left_padding);
}

}  // namespace kvcache
