#include "kvcache/cache/batch_kv_cache.h"

#include <algorithm>
#include <utility>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "cache/mask.h"
#include "kvcache/cache/kv_cache.h"
#include "kvcache/error.h"

namespace kvcache {
BatchKVCache::BatchKVCache(Int32s left_padding) {
  detail::check_right_padding(left_padding, static_cast<std::int64_t>(left_padding.size()));
  for (const std::int32_t padding : left_padding) state_.offset.push_back(-padding);
  state_.left_padding = std::move(left_padding);
}

std::unique_ptr<Cache> BatchKVCache::copy() const {
  return std::make_unique<BatchKVCache>(*this);
}

std::int64_t BatchKVCache::size() const {
  return detail::rows_in(state_.keys);
}

std::uint64_t BatchKVCache::nbytes() const {
  return detail::kv_nbytes(state_.keys, state_.values);
}

Facts BatchKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  detail::describe_batch(state_.keys, state_.values, state_.offset, state_.left_padding, facts);
  facts.trimmable = true;
  return facts;
}

std::optional<Refusal> BatchKVCache::why_not_trimmable_by(std::int64_t n) const {
  return empty() ? std::nullopt : detail::why_not_from_each(state_.offset, n);
}

std::optional<Refusal> BatchKVCache::why_not_trimmable_to(std::int64_t /*length*/) const {
  return std::nullopt;
}

std::int64_t BatchKVCache::trim_to(std::int64_t length) {
  detail::check_trim_count(length);
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "trim");
  if (empty()) return 0;
  State next = state_;
  const std::int64_t trimmed = detail::keep_first(next, length);
  state_ = std::move(next);
  return trimmed;
}

std::int64_t BatchKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "trim");
  detail::check_trimmable(why_not_trimmable_by(n));
  const std::int64_t trimmed = std::min(size(), n);
  if (trimmed == 0) return 0;
  State next = state_;
  detail::each_array(next, [rows = size() - trimmed](const Tensor& array) { return array.slice(detail::row_axis, 0, rows); });
  next.offset = detail::plus(next.offset, -trimmed);
  state_ = std::move(next);
  return trimmed;
}

void BatchKVCache::update(const Tensor& keys, const Tensor& values) {
  detail::check_legal(state_);
  detail::check_update(class_name(), state_.keys, state_.values, keys, values);
  detail::check_update_batch(keys, state_.offset.size());
  State next = state_;
  detail::each_array(next, keys, values, detail::with_appended_rows);
  next.offset = detail::plus(next.offset, detail::rows_in(keys));
  state_ = std::move(next);
}

Mask BatchKVCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool /*return_array*/) const {
  detail::check_mask_request(queries, window);
  return {Mask::Kind::array, detail::left_padded_mask(queries, size(), window, state_.left_padding)};
}

void BatchKVCache::filter(std::span<const std::int64_t> indices) {
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "filter");
  detail::check_sequences(indices, batch_size());
  if (!batch_size()) return;
  State next = state_;
  detail::take_sequences(next, indices);
  // Rows that are padding to all go. After trimming more than the short sequences hold, that can be more than there are.
  const std::int64_t common = *std::min_element(next.left_padding.begin(), next.left_padding.end());
  const std::int64_t unused = std::min(common, detail::rows_in(next.keys));
  if (unused > 0) {
    detail::each_array(next,
                       [&](const Tensor& array) { return array.slice(detail::row_axis, unused, detail::rows_in(array)); });
    next.left_padding = detail::plus(next.left_padding, -unused);
  }
  state_ = std::move(next);
}

void BatchKVCache::extend(const Cache& other) {
  const BatchKVCache& batch = detail::extensible(*this, other);
  detail::check_not_pending(right_padding_, "extend");
  detail::check_not_pending(batch.right_padding_, "extend");
  State next = state_;
  detail::append_sequences(next, batch.state_);
  state_ = std::move(next);
}

std::unique_ptr<Cache> BatchKVCache::extract(std::int64_t index) const {
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "extract");
  detail::check_sequence(index, batch_size());
  if (empty()) return std::make_unique<KVCache>();
  const std::int64_t begin = std::min<std::int64_t>(state_.left_padding[static_cast<std::size_t>(index)], size());
  KVCache::State one;
  detail::each_array(one, state_.keys, state_.values, [&](const Tensor& /*unset*/, const Tensor& array) {
    return array.slice(detail::batch_axis, index, index + 1).slice(detail::row_axis, begin, size());
  });
  return std::make_unique<KVCache>(std::move(one));
}

void BatchKVCache::prepare(const Int32s& right_padding) {
  detail::check_legal(state_);
  if (!batch_size()) return;  // no rows, so none to roll
  detail::check_right_padding(right_padding, static_cast<std::int64_t>(state_.offset.size()));
  right_padding_ = detail::pending(right_padding);
}

void BatchKVCache::finalize() {
  if (right_padding_.empty()) return;
  detail::check_padding_within(right_padding_, state_.offset);
  State next = state_;
  detail::right_to_left_padding(next, right_padding_);
  state_ = std::move(next);
  right_padding_.clear();
}

std::optional<std::int64_t> BatchKVCache::batch_size() const {
  if (state_.offset.empty()) return std::nullopt;  // never used: files do not say for how many sequences
  return static_cast<std::int64_t>(state_.offset.size());
}

std::optional<std::string> BatchKVCache::mismatch(const Cache& other) const {
  const auto* same = as<BatchKVCache>(other);
  if (same == nullptr) return Cache::mismatch(other);
  return detail::kv_mismatch(state_.keys, state_.values, same->state_.keys, same->state_.values);
}

std::vector<Cache::Part> BatchKVCache::parts() const {
  return detail::batch_parts(state_.keys, state_.values, state_.offset, state_.left_padding);
}

}  // namespace kvcache
