// Who reads whose files, class by class: asked of the same rules as every file is.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache {
namespace {

constexpr std::int64_t rows = 2;
constexpr std::int64_t group_size = 32;
constexpr std::int64_t bits = 8;

Tensor array(Dtype dtype, Shape shape) {
  return Tensor::zeros(dtype, std::move(shape));
}
Tensor plain(std::int64_t batch = 1) {
  return array(Dtype::F16, {batch, 1, rows, group_size});
}
Quantized codes() {
  return {array(Dtype::U32, {1, 1, rows, group_size * bits / 32}), array(Dtype::F16, {1, 1, rows, 1}),
          array(Dtype::F16, {1, 1, rows, 1})};
}

/// One layer of every class, in its simplest state.
std::vector<std::unique_ptr<Cache>> samples() {
  std::vector<std::unique_ptr<Cache>> out;
  const KVCache::State kv{plain(), plain(), "KVCache"};
  out.push_back(std::make_unique<KVCache>(kv));
  out.push_back(std::make_unique<RotatingKVCache>(RotatingKVCache::State{plain(), plain(), 0, 2 * rows, rows, rows, {}}));
  out.push_back(std::make_unique<QuantizedKVCache>(QuantizedKVCache::State{codes(), codes(), rows, group_size, bits}));
  out.push_back(std::make_unique<ChunkedKVCache>(ChunkedKVCache::State{plain(), plain(), 2 * rows, 0, rows}));
  const auto slot = array(Dtype::F32, {1, 1});
  out.push_back(std::make_unique<ArraysCache>(ArraysCache::State{{slot, slot}, {}, {}, false}));
  std::vector<std::unique_ptr<Cache>> children;
  children.push_back(std::make_unique<KVCache>(kv));
  out.push_back(std::make_unique<CacheList>(std::move(children)));
  const Int32s seen{static_cast<std::int32_t>(rows), static_cast<std::int32_t>(rows)};
  out.push_back(std::make_unique<BatchKVCache>(BatchKVCache::State{plain(2), plain(2), seen, Int32s{0, 0}}));
  out.push_back(std::make_unique<BatchRotatingKVCache>(
      BatchRotatingKVCache::State{plain(2), plain(2), seen, Int32s{0, 0}, 2 * rows, rows, rows, false}));
  return out;
}

/// The file that an era makes of a cache, in memory.
Document file_of(const Encoded& encoded) {
  const std::string header = render_header(encoded.tensors, encoded.metadata);
  std::vector<std::byte> bytes(header.size());
  std::transform(header.begin(), header.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  for (const NamedTensor& named : encoded.tensors) {
    const std::size_t at = bytes.size();
    bytes.resize(at + named.tensor.nbytes());
    named.tensor.read(0, std::span(bytes).subspan(at));
  }
  return decode(SafetensorsFile::open(memory_source(std::move(bytes), "sample.safetensors")));
}

}  // namespace

std::vector<Reading> who_reads_whom() {
  std::vector<Reading> out;
  for (std::unique_ptr<Cache>& layer : samples()) {
    PromptCache cache;
    const std::string name(layer->class_name());
    cache.layers.push_back(std::move(layer));
    cache.metadata["model"] = "sample";
    for (const Dialect& writer : dialects()) {
      if (!writer.writable) continue;
      try {
        const Document document = file_of(encode(cache, writer.era));
        const Findings found = check(document);
        Reading reading{writer.era, name, {}};
        for (const Dialect& loader : dialects())
          if (!refusal(document, loader.era, found)) reading.loaders |= EraSet{loader.era};
        out.push_back(std::move(reading));
      } catch (const Error&) {
        continue;  // it has no such class, or cannot load its own
      }
    }
  }
  return out;
}

}  // namespace kvcache
