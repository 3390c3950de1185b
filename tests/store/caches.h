// Caches of a model whose keys and values are known functions of the tokens before them, for stores.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/caches.h"
#include "kvcache/document.h"
#include "kvcache/encode.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"
#include "kvcache/store.h"

namespace test {

using kvcache::Dtype;
using kvcache::Shape;
using kvcache::Tensor;
using kvcache::store::TokenIds;

/// A number for the first n tokens of a sequence: other tokens, another number.
inline std::uint32_t mix(const TokenIds& ids, std::int64_t n, std::uint32_t seed) {
  std::uint32_t h = 2166136261U ^ seed;
  for (std::int64_t i = 0; i < n; ++i) h = (h ^ static_cast<std::uint32_t>(ids[static_cast<std::size_t>(i)])) * 16777619U + 1U;
  return h;
}

/// [1, heads, rows, dim]: the row of a position depends on all tokens up to it.
inline Tensor rows(const TokenIds& ids, const std::vector<std::int64_t>& positions, Dtype dtype, std::int64_t heads,
                   std::int64_t dim, std::uint32_t seed) {
  const std::size_t item = kvcache::item_size(dtype);
  std::vector<std::byte> bytes;
  for (std::int64_t h = 0; h < heads; ++h)
    for (const std::int64_t p : positions) {
      const std::uint32_t base = mix(ids, p + 1, seed + static_cast<std::uint32_t>(h) * 977U);
      for (std::int64_t d = 0; d < dim; ++d)
        for (std::size_t b = 0; b < item; ++b) {
          // Small finite numbers of any float dtype: the high byte stays low.
          const std::uint32_t value = (base >> (8U * (b & 1U))) + static_cast<std::uint32_t>(d) * 31U;
          bytes.push_back(static_cast<std::byte>(b + 1 == item ? value & 0x3BU : value & 0xFFU));
        }
    }
  return Tensor::of_bytes(dtype, {1, heads, static_cast<std::int64_t>(positions.size()), dim}, std::move(bytes));
}

inline std::vector<std::int64_t> span(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = begin; i < end; ++i) out.push_back(i);
  return out;
}

/// What a layer of the model is.
enum class LayerKind { plain, quantized, window, recurrent, chunked, list, pair, unused };  // pair: a list of rows alone

struct Model {
  std::vector<LayerKind> layers;
  std::int64_t max_size = 6;
  std::int64_t keep = 0;
  std::int64_t chunk = 4;
};

/// The window of a model that has decoded all but the first `prefill` tokens one by one: a ring.
inline std::unique_ptr<kvcache::Cache> window(const Model& model, const TokenIds& ids, std::int64_t tokens,
                                              std::int64_t prefill, std::uint32_t seed) {
  auto cache = std::make_unique<kvcache::RotatingKVCache>(model.max_size, model.keep);
  for (std::int64_t at = 0; at < tokens;) {
    const std::int64_t n = at == 0 ? std::min(prefill, tokens) : 1;
    cache->update(rows(ids, span(at, at + n), Dtype::F16, 1, 2, seed), rows(ids, span(at, at + n), Dtype::F16, 1, 3, seed + 1));
    at += n;
  }
  return cache;
}

inline std::unique_ptr<kvcache::Cache> layer(const Model& model, LayerKind kind, const TokenIds& ids, std::int64_t tokens,
                                             std::int64_t prefill, std::uint32_t seed) {
  using namespace kvcache;
  const auto all = span(0, tokens);
  switch (kind) {
    case LayerKind::plain:
      return std::make_unique<KVCache>(
          KVCache::State{rows(ids, all, Dtype::BF16, 2, 3, seed), rows(ids, all, Dtype::BF16, 2, 2, seed + 1), "KVCache"});
    case LayerKind::quantized: {
      QuantizedKVCache::State s;
      s.keys = {rows(ids, all, Dtype::U32, 1, 4, seed), rows(ids, all, Dtype::F16, 1, 1, seed + 1),
                rows(ids, all, Dtype::F16, 1, 1, seed + 2)};
      s.values = {rows(ids, all, Dtype::U32, 1, 4, seed + 3), rows(ids, all, Dtype::F16, 1, 1, seed + 4),
                  rows(ids, all, Dtype::F16, 1, 1, seed + 5)};
      s.offset = tokens;
      s.group_size = 32;
      s.bits = 4;
      return std::make_unique<QuantizedKVCache>(std::move(s));
    }
    case LayerKind::window:
      return window(model, ids, tokens, prefill, seed);
    case LayerKind::recurrent: {
      ArraysCache::State s;
      s.slots = {rows(ids, {tokens - 1}, Dtype::F32, 2, 2, seed), rows(ids, {tokens - 1}, Dtype::F16, 1, 5, seed + 1)};
      return std::make_unique<ArraysCache>(std::move(s));
    }
    case LayerKind::chunked: {
      ChunkedKVCache::State s;
      const std::int64_t start = std::max<std::int64_t>(0, tokens - 3 * model.chunk) / model.chunk * model.chunk;
      s.keys = rows(ids, span(start, tokens), Dtype::F16, 1, 2, seed);
      s.values = rows(ids, span(start, tokens), Dtype::F16, 1, 2, seed + 1);
      s.chunk_size = model.chunk;
      s.start_position = start;
      s.true_offset = tokens;
      s.offset_stored = true;
      return std::make_unique<ChunkedKVCache>(std::move(s));
    }
    case LayerKind::list: {
      std::vector<std::unique_ptr<Cache>> children;
      children.push_back(layer(model, LayerKind::plain, ids, tokens, prefill, seed + 10));
      children.push_back(layer(model, LayerKind::recurrent, ids, tokens, prefill, seed + 20));
      return std::make_unique<CacheList>(std::move(children));
    }
    case LayerKind::pair: {
      std::vector<std::unique_ptr<Cache>> children;
      children.push_back(layer(model, LayerKind::plain, ids, tokens, prefill, seed + 10));
      children.push_back(layer(model, LayerKind::quantized, ids, tokens, prefill, seed + 20));
      return std::make_unique<CacheList>(std::move(children));
    }
    case LayerKind::unused:
      break;
  }
  return std::make_unique<KVCache>();
}

/// What the model caches of the first `tokens` tokens.
inline kvcache::PromptCache cache_of(const Model& model, const TokenIds& ids, std::int64_t tokens, std::int64_t prefill = 1) {
  kvcache::PromptCache cache;
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    cache.layers.push_back(layer(model, model.layers[i], ids, tokens, prefill, static_cast<std::uint32_t>(i) * 100U));
  return cache;
}

/// The file of a cache, in memory, read again.
inline kvcache::Document document_of(const kvcache::PromptCache& cache, kvcache::Era era = kvcache::Era::P5) {
  const kvcache::Encoded encoded = kvcache::encode(cache, era);
  kvcache::MemorySink sink;
  kvcache::write_safetensors(sink, encoded.tensors, encoded.metadata);
  return kvcache::decode(kvcache::SafetensorsFile::open(kvcache::memory_source(sink.take())));
}

inline std::string bytes_of(const Tensor& tensor) {
  if (!tensor.defined()) return "none";
  std::vector<std::byte> bytes(tensor.nbytes());
  tensor.read(0, bytes);
  std::string out = kvcache::to_string(tensor.shape());
  out += ' ';
  out += kvcache::name(tensor.dtype());
  return out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

inline void describe(const kvcache::Cache& cache, std::string& out) {
  using namespace kvcache;
  out += cache.class_name();
  if (const auto* list = dynamic_cast<const CacheList*>(&cache)) {
    for (const auto& child : list->children()) describe(*child, out);
    return;
  }
  const Facts facts = cache.facts();
  for (const auto& number :
       {facts.tokens, facts.keep, facts.max_size, facts.bits, facts.group_size, facts.chunk_size, facts.start_position})
    out += " " + (number ? std::to_string(*number) : "-");
  if (const auto* ring = dynamic_cast<const RotatingKVCache*>(&cache)) {
    if (!ring->empty())
      out += bytes_of(ring->temporal_order(ring->state().keys)) + bytes_of(ring->temporal_order(ring->state().values));
    return;
  }
  for (const auto& part : cache.parts()) out += part.name + bytes_of(part.tensor);
}

/// Everything a cache is, windows in temporal order: equal caches have equal texts.
inline std::string text_of(const kvcache::PromptCache& cache) {
  std::string out;
  for (const auto& one : cache.layers) describe(*one, out);
  return out;
}

/// The sequence 'a', 'b', ... of small ids.
inline TokenIds ids(std::string_view text) {
  TokenIds out;
  for (const char c : text) out.push_back(static_cast<std::int32_t>(c));
  return out;
}

}  // namespace test
