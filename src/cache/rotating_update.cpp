// How a RotatingKVCache takes new rows: in place for one token, by concatenation for several.
//
// The reference grows its buffer in steps of 256 zero rows, but stores only the rows that hold tokens; the state here is always
// in that stored form, in which growing by a step and writing one row is appending that row.
#include <utility>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "kvcache/cache/rotating_kv_cache.h"

namespace kvcache {

void RotatingKVCache::update(const Tensor& keys, const Tensor& values) {
  detail::check_legal(state_);
  detail::check_update(class_name(), state_.keys, state_.values, keys, values);
  forget_reserve();
  if (detail::rows_in(keys) == 1) {
    update_in_place(keys, values);
  } else {
    update_concat(keys, values);
  }
}

// In temporal order, rows beyond the window are those of a prefill that is longer than it.
void RotatingKVCache::forget_reserve() {
  if (!state_.reserve) return;
  if (!empty()) unrotate();
  state_.reserve.reset();
}

void RotatingKVCache::update_in_place(const Tensor& keys, const Tensor& values) {
  State next = state_;
  const std::int64_t rows = detail::rows_in(next.keys);
  if (rows < next.max_size) {
    detail::each_array(next, keys, values, detail::with_appended_rows);
    next.idx = rows + 1;
  } else {
    // A prefill longer than the window is kept whole until now; the oldest rows after the pinned ones go.
    if (const std::int64_t excess = rows - next.max_size; excess > 0) {
      detail::each_array(next, [&](const Tensor& array) { return detail::without_rows(array, next.keep, excess); });
      next.idx = next.max_size;
    }
    if (next.idx == next.max_size) next.idx = next.keep;
    detail::each_array(next, keys, values, [row = next.idx](const Tensor& ring, const Tensor& fresh) {
      return detail::with_row(ring, row, fresh);
    });
    ++next.idx;
  }
  next.offset = detail::to_int32(next.offset + 1);
  if (next.wrapped) next.wrapped = next.idx < detail::rows_in(next.keys);
  state_ = std::move(next);
}

void RotatingKVCache::update_concat(const Tensor& keys, const Tensor& values) {
  State next = state_;
  if (!empty()) {
    detail::each_array(next, [this](const Tensor& array) { return temporal_order(array); });
    // max_size - 1 old rows stay, so that the first of the new tokens still sees max_size of them, itself included.
    const std::int64_t excess = detail::rows_in(next.keys) - next.max_size + 1;
    if (excess > 0) {
      detail::each_array(next, [&](const Tensor& array) { return detail::without_rows(array, next.keep, excess); });
    }
  }
  detail::each_array(next, keys, values, detail::with_appended_rows);
  next.offset = detail::to_int32(next.offset + detail::rows_in(keys));
  next.idx = detail::rows_in(next.keys);
  if (next.wrapped) next.wrapped = false;
  state_ = std::move(next);
}

}  // namespace kvcache
