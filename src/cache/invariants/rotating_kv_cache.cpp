// Rotating windows.
#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace rotating_kv_cache {
namespace {

using State = RotatingKVCache::State;
using Outcome = std::optional<Problem>;

// 0 <= keep < max_size, and 1 <= idx <= rows <= offset; or nothing of it after everything was trimmed.
Outcome fields_in_range(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (s.max_size < 1) return Problem{fmt::format("max_size is {}: a window holds at least one token", s.max_size), {}};
  if (s.keep < 0) return Problem{fmt::format("keep is {}: the number of pinned tokens cannot be negative", s.keep), {}};
  if (s.keep >= s.max_size)
    return Problem{
        fmt::format("keep {} is not below max_size {}: the window has no room for new tokens, so every one is dropped", s.keep,
                    s.max_size),
        {}};
  if (s.reserve.value_or(0) < 0) return Problem{fmt::format("a reserve of {} rows", *s.reserve), {}};
  if (rows == 0 && s.idx == 0 && (s.offset == 0 || (s.is_short() && s.keep == 0))) return {};
  if (s.idx > rows)
    return Problem{
        fmt::format("_idx {} is past the {} rows of the ring: the next token would be written outside it", s.idx, rows), {}};
  if (s.idx < 1)
    return Problem{fmt::format("_idx {} with {} rows and offset {}: after a write it is at least 1", s.idx, rows, s.offset),
                   {}};
  if (rows > s.offset)
    return Problem{
        fmt::format("{} rows but offset {}: some rows belong to no token, and positions would be wrong", rows, s.offset), {}};
  return {};
}

// Nothing evicted yet, so rows, offset and idx are one number.
Outcome unfilled_is_complete(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (s.is_short() || s.offset > s.capacity() || (rows == s.offset && s.idx == s.offset)) return {};
  return Problem{
      fmt::format("offset {} is within max_size {}, so rows and _idx would be {} too, but there are {} rows and _idx is "
                  "{}: attention would see rows of no token, or miss some",
                  s.offset, s.max_size, s.offset, rows, s.idx),
      {}};
}

// A window that has been full stays full.
Outcome filled_has_rows(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (s.is_short()) {
    if (rows >= s.keep) return {};
    return Problem{fmt::format("only {} rows with {} pinned tokens: the pinned ones are never taken off", rows, s.keep), {}};
  }
  if (s.offset < s.capacity() || rows >= s.capacity()) return {};
  return Problem{
      fmt::format("only {} rows after {} tokens with max_size {}: a full window keeps at least {} rows, so tokens are lost",
                  rows, s.offset, s.max_size, s.max_size),
      {}};
}

// The ring is out of temporal order in one form only.
Outcome wrapped_form(const State& s) {
  const std::int64_t rows = rows_in(s.keys);
  if (rows == 0) return {};
  if (s.wrapped && !*s.wrapped && s.idx != rows)
    return Problem{
        fmt::format("wrapped is false, but _idx {} is inside {} rows: those behind it would be cut off as unused", s.idx, rows),
        {}};
  if (s.idx >= rows && !s.wrapped.value_or(false)) return {};
  if (rows != s.capacity())
    return Problem{s.wrapped
                       ? fmt::format("wrapped is true, but there are {} rows, and only a ring of exactly {} wraps around", rows,
                                     s.capacity())
                       : fmt::format("_idx {} is inside {} rows, but only a ring of exactly max_size {} rows wraps around",
                                     s.idx, rows, s.max_size),
                   {}};
  if (s.idx <= s.keep)
    return Problem{fmt::format("_idx {} is not above keep {}: the next token would overwrite a pinned one", s.idx, s.keep), {}};
  return {};
}

constexpr auto rules = std::to_array<Invariant<State>>(
    {{"KV411", fields_in_range}, {"KV412", unfilled_is_complete}, {"KV413", filled_has_rows}, {"KV414", wrapped_form}});

}  // namespace
}  // namespace rotating_kv_cache

BrokenInvariants broken_invariants(const RotatingKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, keys_and_values<rotating_kv_cache::State>, broken);
  if (!broken.empty()) return broken;
  run_chain(state, rotating_kv_cache::rules, broken);
  return broken;
}

}  // namespace kvcache::detail
