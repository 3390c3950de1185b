// Chunked attention.
#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace chunked_kv_cache {
namespace {

using State = ChunkedKVCache::State;
using Outcome = std::optional<Problem>;

Outcome fields_in_range(const State& s) {
  if (s.chunk_size && *s.chunk_size < 1) return Problem{fmt::format("chunk_size is {}: it is at least 1", *s.chunk_size), {}};
  if (s.start_position < 0) return Problem{fmt::format("start_position {} is negative", s.start_position), {}};
  return {};
}

// Rows that hold tokens are those from start_position to the true offset.
Outcome rows_possible(const State& s) {
  if (!s.keys.defined()) {
    const std::int64_t offset = s.true_offset.value_or(0);
    if (offset == 0 && s.start_position == 0) return {};
    return Problem{fmt::format("offset {} and start_position {} without keys and values", offset, s.start_position), {}};
  }
  const std::int64_t rows = rows_in(s.keys);
  if (!s.true_offset) {
    if (rows >= s.start_position) return {};
    return Problem{fmt::format("{} rows are fewer than start_position {}: loaders take the rows for the offset and would go "
                               "negative",
                               rows, s.start_position),
                   {}};
  }
  const std::int64_t valid = *s.true_offset - s.start_position;
  const std::string_view whose = s.offset_stored ? "" : " of the other layers";
  if (valid < 0)
    return Problem{fmt::format("start_position {} is past offset {}{}", s.start_position, *s.true_offset, whose), {}};
  if (valid > rows)
    return Problem{fmt::format("{} rows, but tokens {} to {}{} need {}: tokens are missing", rows, s.start_position,
                               *s.true_offset, whose, valid),
                   {}};
  return {};
}

// Every loader before mlx-lm 0.32 takes the rows for the offset.
Outcome loads_exactly(const State& s) {
  if (!s.keys.defined() || s.start_position == 0 || s.offset_stored || !s.true_offset || rows_in(s.keys) == *s.true_offset)
    return {};
  const std::int64_t rows = rows_in(s.keys);
  return Problem{
      fmt::format("start_position {} and {} rows, but the other layers are at offset {}: every loader takes {} for the "
                  "offset and overwrites live tokens",
                  s.start_position, rows, *s.true_offset, rows),
      Remedy(Remedy::Action::repair) + " pads the rows so that all loaders restore it"};
}

// Without a sibling nobody can tell how many rows are padding.
Outcome offset_known(const State& s) {
  if (!s.keys.defined() || s.start_position == 0 || s.true_offset) return {};
  return Problem{
      fmt::format("start_position {} and no other layer that tells the offset: loaders take the {} rows for it, which is "
                  "right only if the last {} are padding",
                  s.start_position, rows_in(s.keys), s.start_position),
      {}};
}

constexpr auto rules = std::to_array<Invariant<State>>({{"KV431", fields_in_range},
                                                        {"KV433", rows_possible},
                                                        {"KV432", loads_exactly, Blocks::nothing},
                                                        {"KV703", offset_known, Blocks::nothing}});

}  // namespace
}  // namespace chunked_kv_cache

BrokenInvariants broken_invariants(const ChunkedKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, keys_and_values<chunked_kv_cache::State>, broken);
  if (!broken.empty()) return broken;
  run_chain(state, chunked_kv_cache::rules, broken);
  return broken;
}

}  // namespace kvcache::detail
