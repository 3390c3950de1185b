#include "cache/ring.h"

#include <fmt/format.h>

#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace {

// The finding code of what is wrong, or null.
const char* broken_rule(const RotatingKVCache::State& s, std::int64_t rows) {
  if (s.max_size < 1 || s.keep < 0 || s.keep >= s.max_size) return "KV411";
  if (s.reserve.value_or(0) < 0) return "KV411";
  if (rows == 0 && s.offset == 0 && s.idx == 0) return nullptr;
  if (s.is_short()) {  // fewer rows than tokens, and not because the window is full: the runtime that does that counts rows by
                       // idx
    if (s.idx != rows) return "KV414";
    return rows < s.keep ? "KV413" : nullptr;
  }
  const std::int64_t capacity = s.capacity();
  if (s.idx < 1 || s.idx > rows || rows > s.offset) return "KV411";
  if (s.offset <= capacity && (rows != s.offset || s.idx != rows)) return "KV412";
  if (s.offset >= capacity && rows < capacity) return "KV413";
  if (s.idx < rows && (rows != capacity || s.idx <= s.keep)) return "KV414";
  if (s.wrapped && (*s.wrapped ? rows != capacity || s.idx <= s.keep : s.idx != rows)) return "KV414";
  return nullptr;
}

const char* broken_rule(const BatchRotatingKVCache::State& s, std::int64_t rows) {
  if (s.max_size < 1) return "KV466";
  if (s.idx < 0 || s.idx > rows || rows > s.total) return "KV461";
  if (s.rotated && (rows != s.max_size || s.idx < 1)) return "KV462";
  if (!s.rotated && s.idx != rows) return "KV463";
  if (s.total < s.max_size && s.total != rows) return "KV464";
  return nullptr;
}

}  // namespace

std::optional<std::string> ring_defect(const RotatingKVCache::State& state) {
  const std::int64_t rows = rows_in(state.keys);
  const char* rule = broken_rule(state, rows);
  if (rule == nullptr) return std::nullopt;
  return fmt::format("{} rows, offset {}, idx {}, keep {}, window {} ({})", rows, state.offset, state.idx, state.keep,
                     state.max_size, rule);
}

std::optional<std::string> ring_defect(const BatchRotatingKVCache::State& state) {
  const std::int64_t rows = rows_in(state.keys);
  if (const char* rule = broken_rule(state, rows)) {
    return fmt::format("{} rows, _offset {}, idx {}, window {}, {}rotated ({})", rows, state.total, state.idx, state.max_size,
                       state.rotated ? "" : "not ", rule);
  }
  const std::size_t batch = state.keys.defined() ? static_cast<std::size_t>(state.keys.dim(batch_axis)) : state.offset.size();
  if (state.offset.size() == batch && state.left_padding.size() == batch) return std::nullopt;
  return fmt::format("{} sequences, {} offsets, {} left paddings (KV309)", batch, state.offset.size(),
                     state.left_padding.size());
}

void check_ring(const RotatingKVCache::State& state) {
  if (const auto defect = ring_defect(state)) contradiction(*defect);
}

void check_ring(const BatchRotatingKVCache::State& state) {
  if (const auto defect = ring_defect(state)) contradiction(*defect);
}

}  // namespace kvcache::detail
