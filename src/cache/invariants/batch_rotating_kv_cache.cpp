// Batched sliding windows.
#include <fmt/format.h>

#include <algorithm>

#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace batch_rotating_kv_cache {
namespace {

using State = BatchRotatingKVCache::State;
using Outcome = std::optional<Problem>;

Outcome window_has_room(const State& s) {
  if (s.max_size >= 1) return {};
  return Problem{fmt::format("max_size is {}: a window holds at least one token", s.max_size), {}};
}

// 0 <= idx <= rows <= total.
Outcome rows_in_range(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (s.idx < 0) return Problem{fmt::format("_idx {} is negative", s.idx), {}};
  if (s.idx > rows)
    return Problem{
        fmt::format("_idx {} is past the {} rows of the ring: the next token would be written outside it", s.idx, rows), {}};
  if (rows > s.total) return Problem{fmt::format("{} rows but _offset {}: some rows belong to no token", rows, s.total), {}};
  return {};
}

// Rotated: a full ring, idx >= 1.
Outcome rotated_form(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (!s.rotated) return {};
  if (rows != s.max_size)
    return Problem{fmt::format("rotated with {} rows, but only a ring of exactly max_size {} rows rotates", rows, s.max_size),
                   {}};
  if (s.idx < 1) return Problem{fmt::format("rotated with _idx {}: after a write it is at least 1", s.idx), {}};
  return {};
}

// Not rotated: idx == rows.
Outcome straight_form(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (s.rotated || s.idx == rows) return {};
  return Problem{fmt::format("not rotated, but _idx {} is inside the {} rows: the order of the rows is unknown", s.idx, rows),
                 {}};
}

// Nothing evicted yet, so rows, total and idx are one number.
Outcome unfilled_is_complete(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (s.total >= s.max_size || (rows == s.total && s.idx == s.total)) return {};
  return Problem{
      fmt::format("_offset {} is below max_size {}, so rows and _idx would be {} too, but there are {} rows and _idx is {}",
                  s.total, s.max_size, s.total, rows, s.idx),
      {}};
}

// Sums above the rows are what merging wrapped windows leaves behind.
Outcome offsets_reach_rows(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  for (std::size_t b = 0; b < s.offset.size(); ++b) {
    const std::int64_t sum = std::int64_t{s.offset[b]} + s.left_padding[b];
    if (sum < rows)
      return Problem{
          fmt::format("sequence {}: offset {} and left_padding {} make {}, below the {} rows: some rows belong to no token", b,
                      s.offset[b], s.left_padding[b], sum, rows),
          {}};
  }
  return {};
}

constexpr auto ring = std::to_array<Invariant<State>>({{"KV466", window_has_room},
                                                       {"KV461", rows_in_range},
                                                       {"KV462", rotated_form},
                                                       {"KV463", straight_form},
                                                       {"KV464", unfilled_is_complete}});
constexpr auto offsets = std::to_array<Invariant<State>>({{"KV465", offsets_reach_rows}});

constexpr auto lists = std::to_array<Invariant<State>>({{"KV309", lists_disagree<State>}});

}  // namespace
}  // namespace batch_rotating_kv_cache

BrokenInvariants broken_invariants(const BatchRotatingKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, keys_and_values<batch_rotating_kv_cache::State>, broken);
  if (broken.empty()) run_chain(state, batch_rotating_kv_cache::lists, broken);
  if (!broken.empty()) return broken;
  run_chain(state, batch_rotating_kv_cache::ring, broken);
  run_chain(state, batch_rotating_kv_cache::offsets, broken);
  return broken;
}

}  // namespace kvcache::detail
