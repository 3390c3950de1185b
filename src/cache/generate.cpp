#include "kvcache/generate.h"

#include <algorithm>

#include <fmt/format.h>

#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"

namespace kvcache {
namespace {

class Generator {
 public:
  explicit Generator(const GenerateOptions& options) : options_(options) {}

  std::unique_ptr<Cache> layer(const LayerSpec& spec) {
    switch (spec.kind) {
      case LayerSpec::Kind::rotating:
        return rotating(spec);
      case LayerSpec::Kind::chunked:
        return chunked(spec);
      case LayerSpec::Kind::arrays:
        return arrays(spec);
      case LayerSpec::Kind::list:
        return list(spec);
      case LayerSpec::Kind::kv:
        break;
    }
    if (spec.unused) return std::make_unique<KVCache>();
    KVCache::State state;
    fill(spec, options_.tokens, state.keys, state.values);
    return std::make_unique<KVCache>(std::move(state));
  }

 private:
  // Every tensor has a stream of its own, numbered in the order of the file.
  Tensor tensor(Dtype dtype, Shape shape) {
    const std::uint64_t stream = streams_++;
    // Whole numbers are token ids, of which any would do.
    if (options_.fill == GenerateOptions::Fill::zeros || dtype == Dtype::I64) return Tensor::zeros(dtype, std::move(shape));
    return random_tensor(dtype, std::move(shape), options_.seed, stream);
  }

  void fill(const LayerSpec& spec, std::int64_t rows, Tensor& keys, Tensor& values) {
    keys = tensor(options_.dtype, {options_.batch, spec.kv_heads, rows, spec.key_dim});
    values = tensor(options_.dtype, {options_.batch, spec.kv_heads, rows, spec.value_dim});
  }

  // In temporal order, as after unrotate(): the last max_size rows.
  std::unique_ptr<Cache> rotating(const LayerSpec& spec) {
    RotatingKVCache::State state = RotatingKVCache(spec.max_size, spec.keep).state();
    state.offset = options_.tokens;
    state.idx = std::min(options_.tokens, spec.max_size);
    fill(spec, state.idx, state.keys, state.values);
    return std::make_unique<RotatingKVCache>(std::move(state));
  }

  // As after one prompt: the front is trimmed before an update, so the first one is kept whole.
  std::unique_ptr<Cache> chunked(const LayerSpec& spec) {
    ChunkedKVCache::State state = ChunkedKVCache(spec.chunk_size).state();
    state.true_offset = options_.tokens;
    fill(spec, options_.tokens, state.keys, state.values);
    return std::make_unique<ChunkedKVCache>(std::move(state));
  }

  std::unique_ptr<Cache> arrays(const LayerSpec& spec) {
    ArraysCache::State state = ArraysCache(spec.slots).state();
    for (std::size_t i = 0; i < std::min(spec.slots, spec.slot_shapes.size()); ++i) {
      Shape shape{options_.batch};
      shape.insert(shape.end(), spec.slot_shapes[i].begin(), spec.slot_shapes[i].end());
      const auto dtype = i < spec.slot_dtypes.size() ? spec.slot_dtypes[i] : std::nullopt;
      state.slots[i] = tensor(dtype.value_or(options_.dtype), std::move(shape));
    }
    return std::make_unique<ArraysCache>(std::move(state));
  }

  std::unique_ptr<Cache> list(const LayerSpec& spec) {
    std::vector<std::unique_ptr<Cache>> children;
    for (const LayerSpec& child : spec.children) children.push_back(layer(child));
    return std::make_unique<CacheList>(std::move(children));
  }

  const GenerateOptions& options_;
  std::uint64_t streams_ = 0;
};

}  // namespace

PromptCache generate_prompt_cache(std::span<const LayerSpec> layers, const GenerateOptions& options) {
  if (options.tokens < 0) throw Error(ErrorKind::usage, fmt::format("{} tokens", options.tokens));
  if (options.batch < 1) throw Error(ErrorKind::usage, fmt::format("a batch of {}", options.batch));
  Generator generator(options);
  PromptCache cache;
  for (const LayerSpec& spec : layers) cache.layers.push_back(generator.layer(spec));
  if (options.quantization) {
    QuantizeRequest request;
    request.made_anew = true;
    request.bits = options.quantization->bits;
    request.group_size = options.quantization->group_size;
    quantize_prompt_cache(cache, request);
  }
  return cache;
}

}  // namespace kvcache
