// What a cache holds, told by decoding it: the tokens of every sequence of every layer, and the row of keys at each position.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kvcache/caches.h"
#include "kvcache/prompt_cache.h"

namespace test {

/// One sequence of a layer, or of a child of a list.
struct HeldSequence {
  std::int64_t tokens = 0;                   ///< its offset
  std::map<std::int64_t, std::string> rows;  ///< position: the bytes of its keys, where it is still there
};

/// A layer, or a child of a list.
struct HeldLayer {
  std::string class_name;
  std::int64_t window = 0;  ///< of a cache that drops old tokens by itself, else 0
  std::int64_t chunk = 0;   ///< its chunk size
  std::int64_t start = 0;   ///< tokens that a chunk has dropped
  std::vector<HeldSequence> sequences;
};

namespace detail {

using namespace kvcache;

/// Row `row` of sequence `b`, all heads.
inline std::string row_bytes(const Tensor& keys, std::int64_t b, std::int64_t row) {
  const Tensor one = keys.slice(0, b, b + 1).slice(2, row, row + 1);
  std::string bytes(one.nbytes(), '\0');
  one.read(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

/// Rows [begin, end) of sequence `b` hold the tokens from `first` on.
inline HeldSequence rows_from(const Tensor& keys, std::int64_t b, std::int64_t begin, std::int64_t end, std::int64_t first) {
  HeldSequence held;
  held.tokens = first + end - begin;
  for (std::int64_t row = begin; row < end; ++row) held.rows[first + row - begin] = row_bytes(keys, b, row);
  return held;
}

template <class State>
void add_batch(const State& state, HeldLayer& held) {
  const std::int64_t rows = state.keys.defined() ? state.keys.dim(2) : 0;
  for (std::size_t b = 0; b < state.offset.size(); ++b) {
    const std::int64_t begin = std::clamp<std::int64_t>(state.left_padding[b], 0, rows);
    const std::int64_t tokens = std::max<std::int64_t>(state.offset[b], rows - begin);
    held.sequences.push_back(rows_from(state.keys, static_cast<std::int64_t>(b), begin, rows, tokens - (rows - begin)));
  }
}

inline void add_window(const RotatingKVCache& ring, HeldLayer& held) {
  const auto& s = ring.state();
  held.window = s.max_size;
  if (ring.empty()) return;
  const Tensor keys = ring.temporal_order(s.keys);
  const std::int64_t rows = keys.dim(2);
  for (std::int64_t b = 0; b < keys.dim(0); ++b) {
    HeldSequence one;
    one.tokens = s.offset;
    for (std::int64_t row = 0; row < rows; ++row)
      one.rows[row < s.keep ? row : row + s.offset - rows] = row_bytes(keys, b, row);
    held.sequences.push_back(std::move(one));
  }
}

inline void add_leaf(const Cache& cache, HeldLayer& held) {
  const auto all = [&](const Tensor& keys, std::int64_t rows, std::int64_t first) {
    for (std::int64_t b = 0; keys.defined() && b < keys.dim(0); ++b)
      held.sequences.push_back(rows_from(keys, b, 0, rows, first));
  };
  if (const auto* kv = dynamic_cast<const KVCache*>(&cache)) {
    all(kv->state().keys, kv->size(), 0);
  } else if (const auto* ring = dynamic_cast<const RotatingKVCache*>(&cache)) {
    add_window(*ring, held);
  } else if (const auto* codes = dynamic_cast<const QuantizedKVCache*>(&cache)) {
    // Every row that is stored: one behind the offset may be a token that the offset has lost.
    const Tensor& weights = codes->state().keys.weights;
    all(weights, weights.defined() ? weights.dim(2) : 0, 0);
  } else if (const auto* chunk = dynamic_cast<const ChunkedKVCache*>(&cache)) {
    held.chunk = chunk->state().chunk_size.value_or(0);
    held.start = chunk->state().start_position;
    if (!chunk->empty())
      all(chunk->state().keys, std::clamp<std::int64_t>(chunk->valid_rows(), 0, chunk->stored_rows()), held.start);
  } else if (const auto* batch = dynamic_cast<const BatchKVCache*>(&cache)) {
    add_batch(batch->state(), held);
  } else if (const auto* windows = dynamic_cast<const BatchRotatingKVCache*>(&cache)) {
    BatchRotatingKVCache ordered = *windows;
    ordered.unrotate();
    held.window = ordered.state().max_size;
    add_batch(ordered.state(), held);
  } else if (const auto* slots = dynamic_cast<const ArraysCache*>(&cache)) {
    held.sequences.resize(static_cast<std::size_t>(slots->batch_size().value_or(0)));
  } else if (const auto* turbo = dynamic_cast<const TurboQuantKVCache*>(&cache); turbo != nullptr && !turbo->empty()) {
    all(turbo->state().arrays.front(), turbo->state().arrays.front().dim(2), 0);
  }
}

inline void add(const Cache& cache, std::vector<HeldLayer>& layers) {
  layers.push_back({std::string(cache.class_name()), 0, 0, 0, {}});
  if (const auto* list = dynamic_cast<const CacheList*>(&cache)) {
    for (const auto& child : list->children()) add(*child, layers);
  } else {
    add_leaf(cache, layers.back());
  }
}

}  // namespace detail

/// Of every layer and child, in order.
inline std::vector<HeldLayer> held_by(const kvcache::PromptCache& cache) {
  std::vector<HeldLayer> layers;
  for (const auto& layer : cache.layers) detail::add(*layer, layers);
  return layers;
}

}  // namespace test
