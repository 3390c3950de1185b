// Left-padded batches.
#include <fmt/format.h>

#include <algorithm>

#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace batch_kv_cache {
namespace {

using State = BatchKVCache::State;
using Outcome = std::optional<Problem>;

Outcome padding_not_negative(const State& s) {
  for (std::size_t b = 0; b < s.offset.size(); ++b)
    if (s.left_padding[b] < 0)
      return Problem{
          fmt::format("left_padding of sequence {} is {}: its rows would start before the first one", b, s.left_padding[b]),
          {}};
  return {};
}

// In 64 bits: a 32-bit sum can wrap around to the right number
Outcome offsets_add_up(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  for (std::size_t b = 0; b < s.offset.size(); ++b) {
    const std::int64_t sum = std::int64_t{s.offset[b]} + s.left_padding[b];
    if (sum != rows)
      return Problem{
          fmt::format("sequence {}: offset {} and left_padding {} make {}, not the {} rows: its tokens would get wrong "
                      "positions",
                      b, s.offset[b], s.left_padding[b], sum, rows),
          {}};
  }
  return {};
}

Outcome not_trimmed_past(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  for (std::size_t b = 0; b < s.offset.size(); ++b)
    if (s.left_padding[b] > rows)
      return Problem{fmt::format("sequence {} has left_padding {} in {} rows (offset {}): more tokens were trimmed than it had",
                                 b, s.left_padding[b], rows, s.offset[b]),
                     {}};
  return {};
}

constexpr auto rules = std::to_array<Invariant<State>>(
    {{"KV452", padding_not_negative}, {"KV451", offsets_add_up}, {"KV453", not_trimmed_past, Blocks::nothing}});

constexpr auto lists = std::to_array<Invariant<State>>({{"KV309", lists_disagree<State>}});

}  // namespace
}  // namespace batch_kv_cache

BrokenInvariants broken_invariants(const BatchKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, keys_and_values<batch_kv_cache::State>, broken);
  if (broken.empty()) run_chain(state, batch_kv_cache::lists, broken);
  if (!broken.empty()) return broken;
  run_chain(state, batch_kv_cache::rules, broken);
  return broken;
}

}  // namespace kvcache::detail
