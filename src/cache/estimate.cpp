#include "kvcache/estimate.h"

#include <algorithm>

#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

LayerSpec spec_of(const Cache& cache) {
  LayerSpec spec;
  if (const auto* list = as<CacheList>(cache)) {
    spec.kind = LayerSpec::Kind::list;
    for (const auto& child : list->children()) spec.children.push_back(spec_of(*child));
    return spec;
  }
  if (const auto* arrays = as<ArraysCache>(cache)) {
    spec.kind = LayerSpec::Kind::arrays;
    spec.slots = arrays->state().slots.size();
    for (const Tensor& slot : arrays->state().slots) {
      if (!slot.defined() || slot.rank() == 0) continue;
      spec.slot_shapes.emplace_back(slot.shape().begin() + 1, slot.shape().end());
      spec.slot_dtypes.emplace_back(slot.dtype());
    }
    return spec;
  }
  const Facts facts = cache.facts();
  spec.kv_heads = facts.kv_heads.value_or(0);
  spec.key_dim = facts.key_dim.value_or(0);
  spec.value_dim = facts.value_dim.value_or(0);
  spec.unused = facts.empty && !facts.kv_heads;
  if (facts.chunk_size) {
    spec.kind = LayerSpec::Kind::chunked;
    spec.chunk_size = *facts.chunk_size;
  } else if (facts.max_size) {
    spec.kind = LayerSpec::Kind::rotating;
    spec.max_size = *facts.max_size;
    spec.keep = facts.keep.value_or(0);
  }
  return spec;
}

// Sums and products of sizes that anybody may have typed.
std::uint64_t limited(double exact, std::uint64_t wrapped) {
  if (exact < 0x1p63) return wrapped;
  throw Error(ErrorKind::usage, "the cache would have more than 2^63 bytes", "fewer tokens, sequences or heads");
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return limited(static_cast<double>(a) + static_cast<double>(b), a + b);
}

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  return limited(static_cast<double>(a) * static_cast<double>(b), a * b);
}

/// Bytes of one row (token) of keys or values of width D.
std::uint64_t row_bytes(std::int64_t width, const EstimateRequest& request, bool quantizable) {
  const auto w = static_cast<std::uint64_t>(width);
  if (!quantizable || !request.bits) return w * item_size(request.dtype);
  return w * static_cast<std::uint64_t>(*request.bits) / 8 +
         2 * (w / static_cast<std::uint64_t>(request.group_size)) * item_size(request.dtype);
}

}  // namespace

std::uint64_t estimate_bytes(const LayerSpec& layer, const EstimateRequest& request) {
  const auto batch = static_cast<std::uint64_t>(request.batch);
  if (layer.unused) return 0;
  if (layer.kind == LayerSpec::Kind::list) {
    EstimateRequest plain = request;
    plain.bits.reset();  // as mlx-lm, nothing is quantized inside lists
    return estimate_bytes(layer.children, plain);
  }
  if (layer.kind == LayerSpec::Kind::arrays) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < layer.slot_shapes.size(); ++i) {
      const auto dtype = i < layer.slot_dtypes.size() ? layer.slot_dtypes[i].value_or(request.dtype) : request.dtype;
      bytes = plus(bytes, times(element_count(layer.slot_shapes[i]).value_or(0), item_size(dtype)));
    }
    return times(batch, bytes);
  }
  std::int64_t rows = request.tokens;
  if (layer.kind == LayerSpec::Kind::rotating) rows = std::min(rows, layer.max_size);
  if (layer.kind == LayerSpec::Kind::chunked) rows = std::min(rows, layer.chunk_size);
  const bool quantizable = layer.kind == LayerSpec::Kind::kv && !has_odd_width(layer, request.group_size);
  const std::uint64_t row = row_bytes(layer.key_dim, request, quantizable) + row_bytes(layer.value_dim, request, quantizable);
  return times(times(batch, static_cast<std::uint64_t>(layer.kv_heads)), times(static_cast<std::uint64_t>(rows), row));
}

std::uint64_t estimate_bytes(std::span<const LayerSpec> layers, const EstimateRequest& request) {
  std::uint64_t bytes = 0;
  for (const LayerSpec& layer : layers) bytes = plus(bytes, estimate_bytes(layer, request));
  return bytes;
}

bool has_odd_width(const LayerSpec& layer, int group_size) {
  return layer.kind == LayerSpec::Kind::kv && (layer.key_dim % group_size != 0 || layer.value_dim % group_size != 0);
}

std::vector<LayerSpec> layer_specs(const PromptCache& cache) {
  std::vector<LayerSpec> specs;
  for (const auto& layer : cache.layers) specs.push_back(spec_of(*layer));
  return specs;
}

}  // namespace kvcache
