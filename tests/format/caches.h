// Small caches of every class, with distinguishable contents.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/caches.h"
#include "kvcache/prompt_cache.h"

namespace test {

inline constexpr std::int64_t tokens = 5;

/// Bytes of a pattern that depends on `seed`: no two arrays of a test are alike.
inline kvcache::Tensor patterned(kvcache::Dtype dtype, kvcache::Shape shape, unsigned seed) {
  std::vector<std::byte> bytes(*kvcache::element_count(shape) * kvcache::item_size(dtype));
  std::uint32_t state = seed * 2654435761U + 1U;
  for (std::byte& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return kvcache::Tensor::of_bytes(dtype, std::move(shape), std::move(bytes));
}

inline kvcache::Tensor keys(std::int64_t rows = tokens, std::int64_t batch = 1) {
  return patterned(kvcache::Dtype::F16, {batch, 2, rows, 4}, 1);
}
inline kvcache::Tensor values(std::int64_t rows = tokens, std::int64_t batch = 1) {
  return patterned(kvcache::Dtype::F16, {batch, 2, rows, 3}, 2);
}

inline std::unique_ptr<kvcache::Cache> plain(std::int64_t rows = tokens) {
  return std::make_unique<kvcache::KVCache>(kvcache::KVCache::State{keys(rows), values(rows), "KVCache"});
}

inline std::unique_ptr<kvcache::Cache> rotating(std::optional<std::string> origin = {}) {
  return std::make_unique<kvcache::RotatingKVCache>(
      kvcache::RotatingKVCache::State{keys(), values(), 1, 8, tokens, tokens, std::move(origin)});
}

inline kvcache::Quantized packed(std::int64_t rows, unsigned seed, bool biases = true) {
  using kvcache::Dtype;
  return {patterned(Dtype::U32, {1, 2, rows, 8}, seed), patterned(Dtype::F16, {1, 2, rows, 1}, seed + 1),
          biases ? patterned(Dtype::F16, {1, 2, rows, 1}, seed + 2) : kvcache::Tensor()};
}
inline std::unique_ptr<kvcache::Cache> quantized(bool biases = true) {
  return std::make_unique<kvcache::QuantizedKVCache>(
      kvcache::QuantizedKVCache::State{packed(tokens, 3, biases), packed(tokens, 6, biases), tokens, 64, 4});
}

inline std::unique_ptr<kvcache::Cache> chunked(std::optional<std::int64_t> chunk_size = 8) {
  return std::make_unique<kvcache::ChunkedKVCache>(
      kvcache::ChunkedKVCache::State{keys(), values(), chunk_size, 0, std::nullopt});
}

/// 's' is a set slot, '-' an unset one.
inline kvcache::ArraysCache::State slots(std::string_view which) {
  kvcache::ArraysCache::State state;
  unsigned seed = 10;
  for (const char c : which) {
    if (c == 's') ++seed;
    state.slots.push_back(c == 's' ? patterned(kvcache::Dtype::F32, {1, 3, seed % 4 + 1}, seed) : kvcache::Tensor());
  }
  return state;
}
inline std::unique_ptr<kvcache::Cache> arrays(kvcache::ArraysCache::State state) {
  return std::make_unique<kvcache::ArraysCache>(std::move(state));
}
inline std::unique_ptr<kvcache::Cache> arrays(std::string_view which) {
  return arrays(slots(which));
}
inline std::unique_ptr<kvcache::Cache> mamba() {
  kvcache::ArraysCache::State state = slots("ss");
  state.mamba = true;
  return arrays(std::move(state));
}

/// Tiles of 32 tokens with 8 arrays each, and a tail.
inline std::unique_ptr<kvcache::Cache> variance_normalized(std::int64_t tiles, std::int64_t tail) {
  using kvcache::Dtype;
  kvcache::VarianceNormalizedKVCache::State state;
  unsigned seed = 30;
  const auto add = [&](Dtype dtype, kvcache::Shape shape) {
    state.arrays.push_back(patterned(dtype, std::move(shape), ++seed));
  };
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    add(Dtype::U32, {1, 2, 64, 4});  // keys: a row for each channel
    add(Dtype::F16, {1, 2, 64, 1});
    add(Dtype::F16, {1, 2, 64, 1});
    add(Dtype::F16, {1, 2, 1, 32});
    add(Dtype::U32, {1, 2, 32, 4});  // values: a row for each token
    add(Dtype::F16, {1, 2, 32, 1});
    add(Dtype::F16, {1, 2, 32, 1});
    add(Dtype::F16, {1, 2, 1, 64});
  }
  for (int i = 0; i < 2 && tail > 0; ++i) add(Dtype::BF16, {1, 2, tail, 64});
  state.tile_size = 32;
  state.offset = 32 * tiles + tail;
  state.key_bits = 4;
  state.value_bits = 2;
  state.sinkhorn_iterations = 8;
  state.tile_count = tiles;
  state.tail_length = tail;
  state.key_dtype = "bfloat16";
  state.value_dtype = "bfloat16";
  return std::make_unique<kvcache::VarianceNormalizedKVCache>(std::move(state));
}

inline std::unique_ptr<kvcache::Cache> batch() {
  return std::make_unique<kvcache::BatchKVCache>(kvcache::BatchKVCache::State{keys(4, 2), values(4, 2), {4, 3}, {0, 1}});
}
inline std::unique_ptr<kvcache::Cache> batch_rotating(bool rotated = false) {
  return std::make_unique<kvcache::BatchRotatingKVCache>(
      kvcache::BatchRotatingKVCache::State{keys(4, 2), values(4, 2), {4, 3}, {0, 1}, 4, 4, rotated ? 2 : 4, rotated});
}

inline std::unique_ptr<kvcache::Cache> turbo() {
  using kvcache::Dtype;
  kvcache::TurboQuantKVCache::State state;
  state.arrays = {keys(), patterned(Dtype::U32, {1, 2, tokens, 1}, 20), patterned(Dtype::F32, {1, 2, tokens}, 21)};
  state.form = kvcache::TurboQuantKVCache::Form::raw_keys;
  state.offset = tokens;
  return std::make_unique<kvcache::TurboQuantKVCache>(std::move(state));
}

template <typename... Children>
std::unique_ptr<kvcache::Cache> list(Children... children) {
  std::vector<std::unique_ptr<kvcache::Cache>> all;
  (all.push_back(std::move(children)), ...);
  return std::make_unique<kvcache::CacheList>(std::move(all));
}

template <typename... Layers>
kvcache::PromptCache cache_of(Layers... layers) {
  kvcache::PromptCache cache;
  (cache.layers.push_back(std::move(layers)), ...);
  return cache;
}

}  // namespace test
