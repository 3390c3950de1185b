// Tiles of variance-normalized keys and values (Swift).
#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace variance_normalized_kv_cache {
namespace {

using State = VarianceNormalizedKVCache::State;
using Outcome = std::optional<Problem>;

Outcome tile_size_is_known(const State& s) {
  if (s.tile_size == 32 || s.tile_size == 64 || s.tile_size == 128) return {};
  return Problem{fmt::format("tile size is {}, and tiles have 32, 64 or 128 tokens", s.tile_size), {}};
}

Outcome tail_is_shorter_than_a_tile(const State& s) {
  if (s.tail_length >= 0 && s.tail_length < s.tile_size) return {};
  return Problem{
      fmt::format("a tail of {} tokens: it has 0 to {}, as more of them become a tile", s.tail_length, s.tile_size - 1), {}};
}

Outcome offset_counts_tokens(const State& s) {
  const std::int64_t tokens = s.tile_count * s.tile_size + s.tail_length;  // tiles have arrays, so their number is small
  if (s.offset == tokens) return {};
  return Problem{fmt::format("offset {}, but {} tiles of {} and a tail of {} are {} tokens", s.offset, s.tile_count,
                             s.tile_size, s.tail_length, tokens),
                 {}};
}

Outcome arrays_fit(const State& s) {
  if (VarianceNormalizedKVCache::fits(s.arrays.size(), s.tile_count, s.tail_length)) return {};
  return Problem{
      fmt::format("{} arrays for {} tiles of 8 or 10 and a tail of {} tokens", s.arrays.size(), s.tile_count, s.tail_length),
      {}};
}

Outcome tail_has_rows(const State& s) {
  if (s.tail_length == 0) return {};
  // Keys and values of the tail are the last two.
  for (const Tensor* array : {&s.arrays[s.arrays.size() - 2], &s.arrays.back()})
    if (rows_in(*array) != s.tail_length)
      return Problem{fmt::format("{} rows in a tail of {} tokens", rows_in(*array), s.tail_length), {}};
  return {};
}

constexpr auto rules = std::to_array<Invariant<State>>({{"KV303", arrays_fit},
                                                        {"KV482", tile_size_is_known},
                                                        {"KV482", tail_is_shorter_than_a_tile},
                                                        {"KV482", offset_counts_tokens},
                                                        {"KV482", tail_has_rows}});

}  // namespace
}  // namespace variance_normalized_kv_cache

BrokenInvariants broken_invariants(const VarianceNormalizedKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, variance_normalized_kv_cache::rules, broken);
  return broken;
}

}  // namespace kvcache::detail
