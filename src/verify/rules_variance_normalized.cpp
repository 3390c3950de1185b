// Tiles of variance-normalized keys and values (Swift).
#include <fmt/format.h>

#include "verify/rules.h"

namespace kvcache::detail {
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

Outcome tail_has_rows(const State& s) {
  if (s.tail_length == 0 || s.arrays.empty()) return {};
  const std::int64_t rows = rows_of(s.arrays.back());
  if (rows == s.tail_length) return {};
  return Problem{fmt::format("{} rows in a tail of {} tokens", rows, s.tail_length), {}};
}

constexpr Rule<VarianceNormalizedKVCache> rules[] = {{"KV482", tile_size_is_known},
                                                     {"KV482", tail_is_shorter_than_a_tile},
                                                     {"KV482", offset_counts_tokens},
                                                     {"KV482", tail_has_rows}};

}  // namespace

void check_variance_normalized(const Place& place, Findings& findings) {
  run_chain(place, rules, findings);
}

}  // namespace kvcache::detail
