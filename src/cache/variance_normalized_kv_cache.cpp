#include "kvcache/cache/variance_normalized_kv_cache.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"

namespace kvcache {
namespace {

constexpr std::size_t tail_arrays = 2;
constexpr std::array<std::size_t, 2> arrays_per_tile = {8, 10};

std::size_t arrays_in_tail(std::int64_t tail_length) {
  return tail_length > 0 ? tail_arrays : 0;
}

const char* name_in_tile(std::size_t array, bool with_row_scales) {
  static constexpr std::array<const char*, 8> fused = {"key codes",   "key scales",   "key biases",   "key column scales",
                                                       "value codes", "value scales", "value biases", "value column scales"};
  static constexpr std::array<const char*, 10> apart = {
      "key codes",   "key scales",   "key biases",   "key column scales",   "key row scales",
      "value codes", "value scales", "value biases", "value column scales", "value row scales"};
  return with_row_scales ? apart.at(array) : fused.at(array);
}

}  // namespace

bool VarianceNormalizedKVCache::fits(std::size_t arrays, std::int64_t tile_count, std::int64_t tail_length) {
  const std::size_t tail = arrays_in_tail(tail_length);
  // Bounds the products below: a tile has at least one array.
  if (tile_count < 0 || static_cast<std::uint64_t>(tile_count) > arrays || arrays < tail) return false;
  return std::any_of(arrays_per_tile.begin(), arrays_per_tile.end(),
                     [&](std::size_t per_tile) { return arrays == static_cast<std::size_t>(tile_count) * per_tile + tail; });
}

std::unique_ptr<Cache> VarianceNormalizedKVCache::copy() const {
  return std::make_unique<VarianceNormalizedKVCache>(*this);
}

std::uint64_t VarianceNormalizedKVCache::nbytes() const {
  std::uint64_t bytes = 0;
  for (const Tensor& array : state_.arrays) bytes += array.nbytes();
  return bytes;
}

Facts VarianceNormalizedKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.tokens = state_.offset;
  facts.rows = state_.offset;
  facts.bytes = nbytes();
  facts.trimmable = trimmable();
  facts.empty = empty();
  facts.bits = state_.key_bits;
  if (empty()) return facts;
  const Tensor& first = state_.arrays.front();
  facts.batch = first.dim(detail::batch_axis);
  facts.kv_heads = first.dim(detail::head_axis);
  if (state_.tail_length > 0) {
    const Tensor& keys = state_.arrays[state_.arrays.size() - 2];
    const Tensor& values = state_.arrays.back();
    facts.key_dim = keys.dim(detail::dim_axis);
    facts.value_dim = values.dim(detail::dim_axis);
    facts.dtype = keys.dtype();
  } else {
    // Key tiles are transposed: a row for each channel. Column scales of the values have one number for each channel.
    facts.key_dim = first.dim(detail::row_axis);
    const bool with_row_scales = state_.arrays.size() == static_cast<std::size_t>(state_.tile_count) * arrays_per_tile[1];
    facts.value_dim = state_.arrays[with_row_scales ? 8 : 7].dim(detail::dim_axis);
  }
  return facts;
}

std::optional<std::string> VarianceNormalizedKVCache::why_not_trimmable() const {
  if (state_.tail_length > 0 || state_.offset == 0) return std::nullopt;
  return fmt::format(
      "its {} tokens are in {} tiles of {}, which are compressed as a whole, and none is in the tail behind them",
      state_.offset, state_.tile_count, state_.tile_size);
}

std::optional<Refusal> VarianceNormalizedKVCache::why_not_trimmable_by(std::int64_t n) const {
  if (auto refusal = Cache::why_not_trimmable_by(n)) return refusal;
  if (std::min(n, state_.offset) <= trimmable_tokens()) return std::nullopt;
  return Refusal{fmt::format("only the {} tokens of its tail can be removed: the {} before them are compressed in tiles of {}",
                             trimmable_tokens(), state_.offset - trimmable_tokens(), state_.tile_size),
                 {}};
}

std::int64_t VarianceNormalizedKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_by(n));
  const std::int64_t trimmed = std::min(state_.offset, n);
  if (trimmed == 0) return 0;
  State next = state_;
  next.offset -= trimmed;
  next.tail_length -= trimmed;
  for (std::size_t i = next.arrays.size() - tail_arrays; i < next.arrays.size(); ++i) {
    Tensor& array = next.arrays[i];
    array = array.slice(detail::row_axis, 0, next.tail_length);
  }
  if (next.tail_length == 0) next.arrays.resize(next.arrays.size() - tail_arrays);
  state_ = std::move(next);
  return trimmed;
}

std::optional<std::int64_t> VarianceNormalizedKVCache::batch_size() const {
  if (empty()) return std::nullopt;
  return state_.arrays.front().dim(detail::batch_axis);
}

std::vector<Cache::Part> VarianceNormalizedKVCache::parts() const {
  const std::size_t tail = arrays_in_tail(state_.tail_length);
  const std::size_t in_tiles = state_.arrays.size() - std::min(tail, state_.arrays.size());
  const auto tiles = static_cast<std::size_t>(std::max<std::int64_t>(1, state_.tile_count));
  const bool with_row_scales = in_tiles == tiles * arrays_per_tile[1];
  const std::size_t per_tile = with_row_scales ? arrays_per_tile[1] : arrays_per_tile[0];
  std::vector<Part> parts;
  for (std::size_t i = 0; i < in_tiles; ++i)
    parts.push_back({fmt::format("tile {} {}", i / per_tile, name_in_tile(i % per_tile, with_row_scales)), state_.arrays[i]});
  for (std::size_t i = in_tiles; i < state_.arrays.size(); ++i)
    parts.push_back({i == in_tiles ? "tail keys" : "tail values", state_.arrays[i]});
  return parts;
}

}  // namespace kvcache
