// Plain layers into quantized ones and back.
#include <fmt/format.h>

#include "cache/map_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/transform.h"

namespace kvcache {
namespace {

/// Why a layer stays as it is, or nothing for one that can be quantized.
std::optional<std::string> why_not_quantizable(const Cache& layer, bool requantize) {
  if (layer.empty()) return "it was never used";
  if (dynamic_cast<const KVCache*>(&layer) != nullptr) return std::nullopt;
  if (dynamic_cast<const QuantizedKVCache*>(&layer) != nullptr) {
    if (requantize) return std::nullopt;
    return "it is quantized already: --requantize decodes it first";
  }
  if (dynamic_cast<const RotatingKVCache*>(&layer) != nullptr) return "no runtime has a quantized window";
  if (dynamic_cast<const ArraysCache*>(&layer) != nullptr) return "recurrent state is not quantized";
  if (dynamic_cast<const CacheList*>(&layer) != nullptr) return "inside lists nothing is quantized, as in mlx-lm";
  return fmt::format("no runtime has a quantized {}", layer.class_name());
}

std::string dividing_sizes(std::int64_t key_dim, std::int64_t value_dim) {
  std::string out;
  for (const int size : {32, 64, 128})
    if (key_dim % size == 0 && value_dim % size == 0) out += fmt::format("{}{}", out.empty() ? "" : ", ", size);
  return out;
}

}  // namespace

std::vector<QuantizedLayer> quantize_prompt_cache(PromptCache& cache, const QuantizeRequest& request) {
  if (!is_supported_bits(request.bits))
    throw Error(ErrorKind::usage, fmt::format("{} bits are not supported", request.bits), "2, 3, 4, 5, 6 or 8");
  if (!is_supported_group_size(request.group_size))
    throw Error(ErrorKind::usage, fmt::format("group size {} is not supported", request.group_size), "32, 64 or 128");

  std::vector<QuantizedLayer> report;
  std::vector<std::unique_ptr<Cache>> results(cache.layers.size());
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    const Cache& layer = *cache.layers[i];
    QuantizedLayer& r = report.emplace_back();
    r.layer = i;
    r.class_name = layer.class_name();
    if (request.wanted && !request.wanted(i)) {
      r.why_not = "it was not asked for";
      continue;
    }
    if (const auto why = why_not_quantizable(layer, request.requantize)) {
      r.why_not = *why;
      continue;
    }
    Tensor keys;
    Tensor values;
    if (const auto* plain = dynamic_cast<const KVCache*>(&layer)) {
      keys = plain->state().keys;
      values = plain->state().values;
    } else {
      const auto& quantized = dynamic_cast<const QuantizedKVCache&>(layer);
      keys = quantized.decoded_keys();
      values = quantized.decoded_values();
    }
    if (keys.dim(1) != values.dim(1))
      throw Error(ErrorKind::impossible,
                  fmt::format("{}: {} heads of keys and {} of values: the codes of a QuantizedKVCache have as many of both",
                              layer_name(cache, i), keys.dim(1), values.dim(1)),
                  "leave the layer out with --layers");
    const std::int64_t key_dim = keys.dim(3);
    const std::int64_t value_dim = values.dim(3);
    if (key_dim % request.group_size != 0 || value_dim % request.group_size != 0) {
      const std::string sizes = dividing_sizes(key_dim, value_dim);
      throw Error(ErrorKind::impossible,
                  fmt::format("{}: group size {} does not divide the head dims {} (keys) and {} (values)", layer_name(cache, i),
                              request.group_size, key_dim, value_dim),
                  sizes.empty() ? "no supported group size divides them: leave the layer out with --layers"
                                : "group sizes that do: " + sizes);
    }
    if (request.report) {
      r.keys = std::make_shared<ErrorStats>();
      r.values = std::make_shared<ErrorStats>();
    }
    const auto encode = [&](const Tensor& x, std::string_view what, const std::shared_ptr<ErrorStats>& stats) {
      return quantize(x, request.bits, request.group_size,
                      {.label = fmt::format("{} {}", layer_name(cache, i), what), .stats = stats});
    };
    const auto bytes = [](const Quantized& q) { return q.weights.nbytes() + q.scales.nbytes() + q.biases.nbytes(); };
    QuantizedKVCache::State s;
    s.keys = encode(keys, "keys", r.keys);
    s.values = encode(values, "values", r.values);
    s.offset = keys.dim(2);
    s.group_size = request.group_size;
    s.bits = request.bits;
    r.quantized = true;
    r.key_bytes_before = keys.nbytes();
    r.value_bytes_before = values.nbytes();
    r.key_bytes_after = bytes(s.keys);
    r.value_bytes_after = bytes(s.values);
    results[i] = std::make_unique<QuantizedKVCache>(std::move(s));
  }
  for (std::size_t i = 0; i < results.size(); ++i)
    if (results[i] != nullptr) cache.layers[i] = std::move(results[i]);
  return report;
}

std::size_t dequantize_prompt_cache(PromptCache& cache, std::optional<Dtype> dtype) {
  if (dtype && !is_float(*dtype))
    throw Error(ErrorKind::usage, fmt::format("keys and values cannot be {}", name(*dtype)), "f16, bf16 or f32");
  return detail::map_layers(cache, [&](const std::string& where, const Cache& layer) -> std::unique_ptr<Cache> {
    const auto* quantized = dynamic_cast<const QuantizedKVCache*>(&layer);
    if (quantized == nullptr) return nullptr;
    if (quantized->empty()) return std::make_unique<KVCache>();
    if (!quantized->state().keys.biases.defined())
      throw Error(ErrorKind::impossible, where + " is quantized in a mode without biases that the file does not name",
                  "only the program that wrote it can decode it");
    return std::make_unique<KVCache>(
        KVCache::State{quantized->decoded_keys(dtype), quantized->decoded_values(dtype), "KVCache"});
  });
}

}  // namespace kvcache
