// Plain layers into quantized ones and back.
#include <cstdlib>

#include <fmt/format.h>

#include "cache/context.h"
#include "cache/invariants/invariants.h"
#include "cache/map_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"

namespace kvcache {
namespace {

/// Why a layer stays as it is, or nothing for one that can be quantized.
std::optional<std::string> why_not_quantizable(const Cache& layer, bool requantize) {
  if (layer.empty()) return "it was never used";
  using Why = std::optional<std::string>;
  return visit(layer, PerClass{[](const KVCache&) { return Why(); },
                               [requantize](const QuantizedKVCache&) { return requantize ? Why() : Why("quantized already"); },
                               [](const RotatingKVCache&) { return Why("no runtime has a quantized window"); },
                               [](const ArraysCache&) { return Why("recurrent state is not quantized"); },
                               [](const CacheList&) { return Why("inside lists nothing is quantized, as in mlx-lm"); },
                               [](const OneOf<ChunkedKVCache, BatchKVCache, BatchRotatingKVCache, TurboQuantKVCache,
                                              VarianceNormalizedKVCache, OpaqueCache> auto& other) {
                                 return Why(fmt::format("no runtime has a quantized {}", other.class_name()));
                               }});
}

// What makes float16 values bfloat16 ones.
Remedy widen(Remedy::Action action) {
  return Remedy(action, {{"dtype", "bf16"}});
}

bool divides(std::int64_t group_size, const Cache& layer) {
  const Facts facts = layer.facts();
  return facts.key_dim.value_or(0) % group_size == 0 && facts.value_dim.value_or(0) % group_size == 0;
}

bool to_be_quantized(const PromptCache& cache, const QuantizeRequest& request, std::size_t layer) {
  return (!request.wanted || request.wanted(layer)) && !why_not_quantizable(*cache.layers[layer], request.requantize);
}

/// Of the sizes that divide the head dims of all layers that are to be quantized, the nearest to the one that was asked for (of
/// two as near the smaller, as mlx-swift-lm chooses); 0 when there is none.
int fitting_group_size(const PromptCache& cache, const QuantizeRequest& request) {
  int best = 0;
  for (const int size : {32, 64, 128}) {
    bool fits = true;
    for (std::size_t i = 0; i < cache.layers.size(); ++i)
      fits = fits && (!to_be_quantized(cache, request, i) || divides(size, *cache.layers[i]));
    if (fits && (best == 0 || std::abs(size - request.group_size) < std::abs(best - request.group_size))) best = size;
  }
  return best;
}

Remedy group_size_that_fits(const PromptCache& cache, const QuantizeRequest& request, std::size_t layer) {
  const int fitting = fitting_group_size(cache, request);
  if (request.made_anew)
    return fitting != 0 ? fmt::format("group size {} fits", fitting) : std::string("no group size (32, 64, 128) divides them");
  if (fitting != 0) {
    std::vector<Remedy::Argument> arguments = {{"bits", std::to_string(request.bits)}};
    if (!request.layers.empty()) arguments.emplace_back("layers", request.layers);
    if (request.requantize) arguments.emplace_back("requantize", "");
    arguments.emplace_back("group_size", std::to_string(fitting));
    return Remedy(Remedy::Action::quantize, std::move(arguments));
  }
  for (const int size : {32, 64, 128})
    if (divides(size, *cache.layers[layer]))
      return Remedy(fmt::format("group size {} would fit this layer, but none fits all: quantize them in several steps with ",
                                size)) +
             Remedy(Remedy::Action::repeat, {{"layers", ""}});
  return Remedy("no group size (32, 64, 128) divides them: leave the layer out with ") +
         Remedy(Remedy::Action::repeat, {{"layers", fmt::format("!{}", layer)}});
}

/// Decoding takes the rows up to the offset: what is behind it would be gone from the result.
void check_offset(const std::string& where, const QuantizedKVCache& layer) {
  if (const auto refusal = layer.why_not_cut())
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", where, refusal->why), refusal->remedy);
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
      r.why_not = "not asked for";
      continue;
    }
    if (const auto why = why_not_quantizable(layer, request.requantize)) {
      r.why_not = *why;
      if (!layer.empty() && is<QuantizedKVCache>(layer))
        r.remedy = Remedy(Remedy::Action::repeat, {{"requantize", ""}}) + " decodes it first";
      continue;
    }
    detail::in_context(layer_name(cache, i), [&] { detail::check_legal(layer); });
    Tensor keys;
    Tensor values;
    if (const auto* plain = as<KVCache>(layer)) {
      keys = plain->state().keys;
      values = plain->state().values;
    } else {
      const auto& quantized = *as<QuantizedKVCache>(layer);
      check_offset(layer_name(cache, i), quantized);
      keys = quantized.decoded_keys({}, {.label = layer_name(cache, i) + " keys", .allow_infinity = false});
      values = quantized.decoded_values({}, {.label = layer_name(cache, i) + " values", .allow_infinity = false});
    }
    if (keys.dim(1) != values.dim(1))
      throw Error(ErrorKind::impossible,
                  fmt::format("{}: {} heads of keys and {} of values: the codes of a QuantizedKVCache have as many of both",
                              layer_name(cache, i), keys.dim(1), values.dim(1)),
                  Remedy("leave the layer out with ") + Remedy(Remedy::Action::repeat, {{"layers", fmt::format("!{}", i)}}));
    const std::int64_t key_dim = keys.dim(3);
    const std::int64_t value_dim = values.dim(3);
    if (key_dim % request.group_size != 0 || value_dim % request.group_size != 0) {
      throw Error(ErrorKind::impossible,
                  fmt::format("{}: group size {} does not divide the head dims {} (keys) and {} (values)", layer_name(cache, i),
                              request.group_size, key_dim, value_dim),
                  group_size_that_fits(cache, request, i));
    }
    if (request.report) {
      r.keys = std::make_shared<ErrorStats>();
      r.values = std::make_shared<ErrorStats>();
    }
    const bool plain = is<KVCache>(layer);
    const auto encode = [&](const Tensor& x, std::string_view what, const std::shared_ptr<ErrorStats>& stats) {
      return quantize(x, request.bits, request.group_size,
                      {.label = fmt::format("{} {}", layer_name(cache, i), what),
                       .stats = stats,
                       .wider = widen(plain ? Remedy::Action::convert : Remedy::Action::dequantize)});
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
    const auto* quantized = as<QuantizedKVCache>(layer);
    if (quantized == nullptr) return nullptr;
    if (quantized->empty()) return std::make_unique<KVCache>();
    detail::in_context(where, [&] { detail::check_legal(layer); });
    if (quantized->state().has_unnamed_mode())
      throw Error(ErrorKind::impossible, where + " is quantized in a mode without biases that the file does not name",
                  "only the program that wrote it can decode it");
    check_offset(where, *quantized);
    return std::make_unique<KVCache>(
        KVCache::State{quantized->decoded_keys(dtype, {.label = where + " keys", .allow_infinity = false}),
                       quantized->decoded_values(dtype, {.label = where + " values", .allow_infinity = false}), "KVCache"});
  });
}

}  // namespace kvcache
