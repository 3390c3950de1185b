#include "foreign/stored_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "cache/axes.h"
#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

using kvcache::detail::row_axis;

[[noreturn]] void refuse(const LayerPlace& place, const std::string& what) {
  throw Error(ErrorKind::unreadable, fmt::format("{}: {}", place.name, what));
}

/// Rows of a pair that can be keys and values of one cache.
std::int64_t rows_of(const LayerPlace& place, const Tensor& keys, const Tensor& values) {
  if (const auto problem = kvcache::detail::pair_of_wrong_rank(keys, values)) refuse(place, problem->message);
  if (!is_float(keys.dtype()) || !is_float(values.dtype()))
    refuse(place, fmt::format("keys of {} and values of {}", name(keys.dtype()), name(values.dtype())));
  if (const auto problem = kvcache::detail::pair_disagrees(keys.shape(), values.shape())) refuse(place, problem->message);
  return keys.dim(row_axis);
}

/// The cache, if it is one that its own program could have: by the rules that `verify` goes by.
template <class Class>
std::unique_ptr<Cache> legal(const LayerPlace& place, typename Class::State state) {
  if (const auto broken = kvcache::detail::first_that_blocks(kvcache::detail::broken_invariants(state)))
    throw Error(ErrorKind::unreadable, fmt::format("{}: {}", place.name, broken->problem.message), broken->problem.remedy,
                std::string(broken->code));
  return std::make_unique<Class>(std::move(state));
}

}  // namespace

std::unique_ptr<Cache> plain_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values, std::int64_t offset) {
  const std::int64_t rows = rows_of(place, keys, values);
  if (offset < 0 || offset > rows) refuse(place, fmt::format("{} tokens, but {} rows", offset, rows));
  return legal<KVCache>(place, {keys.slice(row_axis, 0, offset), values.slice(row_axis, 0, offset)});
}

std::unique_ptr<Cache> ring_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values, const RingFields& fields) {
  const std::int64_t rows = rows_of(place, keys, values);
  if (fields.max_size > 0 && rows < std::min(fields.offset, fields.max_size))
    throw Error(ErrorKind::impossible,
                fmt::format("{}: rows of the window are missing: it has {}, and {} of {} tokens are needed to go on",
                            place.name, rows, std::min(fields.offset, fields.max_size), fields.offset));
  if (fields.offset < 0) refuse(place, fmt::format("offset {}", fields.offset));
  // Spare rows are in a buffer that has not been filled once, and there the newest token is the last.
  const std::int64_t valid = std::min(fields.offset, rows);
  RotatingKVCache::State state;
  state.keys = keys.slice(row_axis, 0, valid);
  state.values = values.slice(row_axis, 0, valid);
  state.keep = fields.keep;
  state.max_size = fields.max_size;
  state.offset = fields.offset;
  state.idx = fields.idx;
  return legal<RotatingKVCache>(place, std::move(state));
}

std::unique_ptr<Cache> chunked_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values,
                                     std::optional<std::int64_t> chunk_size, std::int64_t start, std::int64_t offset) {
  const std::int64_t rows = rows_of(place, keys, values);
  if (start < 0 || offset < start || offset - start > rows)
    refuse(place, fmt::format("tokens {} to {}, but {} rows", start, offset, rows));
  ChunkedKVCache::State state;
  state.keys = keys.slice(row_axis, 0, offset - start);
  state.values = values.slice(row_axis, 0, offset - start);
  state.chunk_size = chunk_size;
  state.start_position = start;
  state.true_offset = offset;
  state.offset_stored = true;
  return legal<ChunkedKVCache>(place, std::move(state));
}

}  // namespace kvcache::foreign
