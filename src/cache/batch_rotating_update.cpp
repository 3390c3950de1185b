// How a BatchRotatingKVCache takes new rows, and how right-padded ones become left-padded.
//
// As in rotating_update.cpp, the state is always in its stored form, without the zero rows of a growing buffer.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "kvcache/cache/batch_rotating_kv_cache.h"
#include "kvcache/error.h"

namespace kvcache {

void BatchRotatingKVCache::update(const Tensor& keys, const Tensor& values) {
  detail::check_legal(state_);
  detail::check_update(class_name(), state_.keys, state_.values, keys, values);
  detail::check_update_batch(keys, state_.offset.size());
  const std::int64_t rows = detail::rows_in(keys);
  if (!right_padding_.empty()) {
    // Padding in the ring would evict tokens, so it must be rolled away before anything else comes.
    if (padded_rows_stored_ || rows == 1) detail::check_not_pending(right_padding_, "further update");
    const std::int64_t most = *std::max_element(right_padding_.begin(), right_padding_.end());
    if (most > rows) throw Error(ErrorKind::usage, fmt::format("a right padding of {} in an update of {} rows", most, rows));
  }
  if (rows == 1) {
    update_in_place(keys, values);
  } else {
    update_concat(keys, values);
  }
  padded_rows_stored_ = !right_padding_.empty();
}

void BatchRotatingKVCache::update_in_place(const Tensor& keys, const Tensor& values) {
  State next = state_;
  const std::int64_t rows = detail::rows_in(next.keys);
  if (rows < next.max_size) {
    detail::each_array(next, keys, values, detail::with_appended_rows);
    next.idx = rows + 1;
  } else {
    if (const std::int64_t excess = rows - next.max_size; excess > 0) {
      detail::each_array(next, [&](const Tensor& array) { return detail::without_rows(array, 0, excess); });
      next.left_padding = detail::plus(next.left_padding, -excess);
      next.idx = next.max_size;
    }
    if (next.idx == next.max_size) {
      next.rotated = true;
      next.idx = 0;
    }
    if (next.rotated) next.left_padding = detail::plus(next.left_padding, -1);
    detail::each_array(next, keys, values, [row = next.idx](const Tensor& ring, const Tensor& fresh) {
      return detail::with_row(ring, row, fresh);
    });
    ++next.idx;
  }
  next.offset = detail::plus(next.offset, 1);
  next.total = detail::to_int32(next.total + 1);
  state_ = std::move(next);
}

void BatchRotatingKVCache::update_concat(const Tensor& keys, const Tensor& values) {
  BatchRotatingKVCache ordered = *this;
  ordered.unrotate();
  State next = ordered.state_;
  const std::int64_t added = detail::rows_in(keys);
  // As in a single window: max_size - 1 old rows stay.
  if (const std::int64_t excess = next.idx - next.max_size + 1; excess > 0) {
    detail::each_array(next, [&](const Tensor& array) { return detail::without_rows(array, 0, excess); });
    next.left_padding = detail::plus(next.left_padding, -excess);
  }
  detail::each_array(next, keys, values, detail::with_appended_rows);
  next.offset = detail::plus(next.offset, added);
  next.total = detail::to_int32(next.total + added);
  next.idx = detail::rows_in(next.keys);
  state_ = std::move(next);
}

void BatchRotatingKVCache::finalize() {
  if (right_padding_.empty()) return;
  detail::check_padding_within(right_padding_, state_.offset);
  BatchRotatingKVCache ordered = *this;
  ordered.unrotate();
  State next = ordered.state_;
  // Where tokens were evicted, left_padding is negative and the reference's sum does not cover what is rolled in: it would pass
  // padding off as tokens in extract().
  for (std::size_t b = 0; b < right_padding_.size(); ++b) {
    if (right_padding_[b] > 0) next.left_padding[b] = std::max(next.left_padding[b], 0);
  }
  detail::right_to_left_padding(next, right_padding_);
  state_ = std::move(next);
  right_padding_.clear();
  padded_rows_stored_ = false;
}

}  // namespace kvcache
