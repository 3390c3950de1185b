#include "foreign/stored_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

constexpr int rows_axis = 2;

[[noreturn]] void refuse(const LayerPlace& place, const std::string& what) {
  throw Error(ErrorKind::unreadable, fmt::format("{}: {}", place.name, what));
}

/// Rows of a pair that can be keys and values of one cache.
std::int64_t rows_of(const LayerPlace& place, const Tensor& keys, const Tensor& values) {
  if (keys.rank() != 4 || values.rank() != 4)
    refuse(place,
           fmt::format("keys {} and values {} have not four dimensions", to_string(keys.shape()), to_string(values.shape())));
  if (!is_float(keys.dtype()) || !is_float(values.dtype()))
    refuse(place, fmt::format("keys of {} and values of {}", name(keys.dtype()), name(values.dtype())));
  if (keys.dim(0) != values.dim(0) || keys.dim(rows_axis) != values.dim(rows_axis))
    refuse(place, fmt::format("keys {} and values {} disagree", to_string(keys.shape()), to_string(values.shape())));
  return keys.dim(rows_axis);
}

}  // namespace

std::unique_ptr<Cache> plain_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values, std::int64_t offset) {
  const std::int64_t rows = rows_of(place, keys, values);
  if (offset < 0 || offset > rows) refuse(place, fmt::format("{} tokens, but {} rows", offset, rows));
  return std::make_unique<KVCache>(KVCache::State{keys.slice(rows_axis, 0, offset), values.slice(rows_axis, 0, offset)});
}

std::unique_ptr<Cache> ring_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values, const RingFields& fields) {
  const std::int64_t rows = rows_of(place, keys, values);
  if (fields.max_size < 1 || fields.keep < 0 || fields.keep >= fields.max_size || fields.offset < 0)
    refuse(place, fmt::format("a window of {} that keeps {} tokens, of {}", fields.max_size, fields.keep, fields.offset));
  if (rows < std::min(fields.offset, fields.max_size))
    throw Error(ErrorKind::impossible,
                fmt::format("{}: rows of the window are missing: it has {}, and {} of {} tokens are needed to go on",
                            place.name, rows, std::min(fields.offset, fields.max_size), fields.offset));
  const std::int64_t valid = std::min(fields.offset, rows);
  // Spare rows are in a buffer that has not been filled once, and there the newest token is the last.
  const std::int64_t idx = valid < rows ? valid : fields.idx;
  if (idx < 0 || idx > valid || (valid < rows && fields.idx != valid))
    refuse(place, fmt::format("row {} of {} is to be the next, with {} tokens", fields.idx, rows, fields.offset));
  RotatingKVCache::State state;
  state.keys = keys.slice(rows_axis, 0, valid);
  state.values = values.slice(rows_axis, 0, valid);
  state.keep = fields.keep;
  state.max_size = fields.max_size;
  state.offset = fields.offset;
  state.idx = idx;
  return std::make_unique<RotatingKVCache>(std::move(state));
}

std::unique_ptr<Cache> chunked_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values,
                                     std::optional<std::int64_t> chunk_size, std::int64_t start, std::int64_t offset) {
  const std::int64_t rows = rows_of(place, keys, values);
  if (chunk_size && *chunk_size < 1) refuse(place, fmt::format("chunks of {} tokens", *chunk_size));
  if (start < 0 || offset < start || offset - start > rows)
    refuse(place, fmt::format("tokens {} to {}, but {} rows", start, offset, rows));
  ChunkedKVCache::State state;
  state.keys = keys.slice(rows_axis, 0, offset - start);
  state.values = values.slice(rows_axis, 0, offset - start);
  state.chunk_size = chunk_size;
  state.start_position = start;
  state.true_offset = offset;
  state.offset_stored = true;
  return std::make_unique<ChunkedKVCache>(std::move(state));
}

}  // namespace kvcache::foreign
