// Writing mlx-lm's layout of 2026-09-09 (docs/formats.md, "P5 is provisional"): scalars as arrays of one element, named by a
// table.
#include <fmt/format.h>

#include <limits>

#include "format/encoder.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::detail {
namespace {

/// Aliases of other runtimes, and the class that mlx-lm no longer has.
std::string_view stored_name(const Cache& cache) {
  const std::string_view name = cache.class_name();
  if (name == "KVCacheSimple" || name == "StandardKvCache") return "KVCache";
  return name == "MambaCache" ? "ArraysCache" : name;
}

class ProvisionalEncoder {
 public:
  ProvisionalEncoder(Encoded& out, const EncodeOptions& options) : out_(out), options_(options) { leaf("", ""); }

  void state(const std::string& where, const std::string& path, const Cache& cache);

 private:
  /// A row of the table of leaves: path and type. Row 0 is a sentinel.
  void leaf(const std::string& path, const std::string& type) {
    out_.metadata.emplace(fmt::format("2.{}.0", rows_), path);
    out_.metadata.emplace(fmt::format("2.{}.1", rows_), type);
    ++rows_;
  }
  void array(const std::string& path, const Tensor& tensor) { out_.tensors.push_back({path, tensor}); }
  void scalar(const std::string& where, const std::string& path, std::int64_t value) {
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
      throw Error(ErrorKind::impossible, fmt::format("{}: {} does not fit into the 32 bits that are stored", where, value),
                  "process the prompt again: no runtime counts further");
    const auto narrow = static_cast<std::int32_t>(value);
    array(path, Tensor::of_i32(std::span(&narrow, 1)).reshape({}));
    leaf(path, "scalar");
  }
  void scalars(const std::string& where, const std::string& path, std::size_t first,
               std::initializer_list<std::int64_t> values) {
    for (const std::int64_t value : values) scalar(where, fmt::format("{}.{}", path, first++), value);
  }
  void text(const std::string& path, std::string_view value) {
    const Int32s characters(value.begin(), value.end());
    array(path, Tensor::of_i32(characters));
    leaf(path, "string");
  }

  Encoded& out_;
  const EncodeOptions& options_;
  std::size_t rows_ = 0;
};

void ProvisionalEncoder::state(const std::string& where, const std::string& path, const Cache& cache) {
  const auto at = [&](std::size_t k) { return fmt::format("{}.{}", path, k); };
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", where, why), hint);
  };
  if (cache.empty())
    refuse("the layer was never used and has no arrays; mlx-lm cannot save or load such a layer",
           "mlx-swift-lm@2026-08 and mlxrs@0.1 can; or save the cache again after the model has run");
  if (const auto* kv = dynamic_cast<const KVCache*>(&cache)) {
    array(at(0), kv->state().keys);
    array(at(1), kv->state().values);
    scalar(where, at(2), kv->size());
  } else if (const auto* ring = dynamic_cast<const RotatingKVCache*>(&cache)) {
    const auto& s = ring->state();
    array(at(0), s.keys);
    array(at(1), s.values);
    scalars(where, path, 2, {s.offset, s.keep, s.max_size, s.idx});
    if (s.origin == "requested") out_.warnings.push_back(origin_lost(where, "mlx-lm@2026-09"));
  } else if (const auto* quantized = dynamic_cast<const QuantizedKVCache*>(&cache)) {
    const auto& s = quantized->state();
    if (!s.keys.biases.defined())
      refuse("it is quantized in a mode without biases, which mlx-lm cannot load",
             "only mlx-swift-lm and mlxrs read such layers");
    std::size_t half = 0;
    for (const Quantized* q : {&s.keys, &s.values}) {
      std::size_t k = 0;
      for (const Tensor* t : {&q->weights, &q->scales, &q->biases}) array(fmt::format("{}.{}.{}", path, half, k++), *t);
      ++half;
    }
    scalars(where, path, 2, {s.offset, s.group_size, s.bits});
  } else if (const auto* chunked = dynamic_cast<const ChunkedKVCache*>(&cache)) {
    const ChunkedKVCache::State s = chunked->repaired();
    if (!s.chunk_size)
      refuse("its chunk size is None, which mlx-lm cannot load",
             "only mlx-swift-lm and mlxrs read such layers; make the cache with the chunk size of the model's config.json");
    array(at(0), s.keys);
    array(at(1), s.values);
    scalars(where, path, 2, {*s.chunk_size, s.start_position});
  } else if (const auto* slots = dynamic_cast<const ArraysCache*>(&cache)) {
    std::size_t k = 0;
    for (const Tensor& slot : set_slots(where, *slots, "mlx-lm@2026-09", options_.drop_unset_slots))
      array(fmt::format("{}.0.{}", path, k++), slot);
    // Where both are unset they are left out; one alone would leave a gap, so the other is the empty array of the era before.
    const auto& left_padding = slots->state().left_padding;
    const auto& lengths = slots->state().lengths;
    if (left_padding || lengths) {
      array(at(1), left_padding ? Tensor::of_i32(*left_padding) : Tensor::zeros(Dtype::F32, {0}));
      array(at(2), lengths ? Tensor::of_i32(*lengths) : Tensor::zeros(Dtype::F32, {0}));
    }
  } else if (const auto* list = dynamic_cast<const CacheList*>(&cache)) {
    for (std::size_t i = 0; i < list->children().size(); ++i) {
      const Cache& child = *list->children()[i];
      state(fmt::format("{} child {}", where, i), fmt::format("{}.{}.0", path, i), child);
      text(fmt::format("{}.{}.1", path, i), stored_name(child));
    }
  } else if (const auto* batch = dynamic_cast<const BatchKVCache*>(&cache)) {
    const auto& s = batch->state();
    array(at(0), s.keys);
    array(at(1), s.values);
    array(at(2), Tensor::of_i32(s.offset));
    array(at(3), Tensor::of_i32(s.left_padding));
  } else if (const auto* batch_ring = dynamic_cast<const BatchRotatingKVCache*>(&cache)) {
    const auto& s = batch_ring->state();
    array(at(0), s.keys);
    array(at(1), s.values);
    array(at(2), Tensor::of_i32(s.offset));
    array(at(3), Tensor::of_i32(s.left_padding));
    scalars(where, path, 4, {s.max_size, s.total, s.idx, s.rotated ? 1 : 0});
  } else {
    refuse(fmt::format("mlx-lm has no class '{}'", printable(cache.class_name())),
           "keep the cache in the format of the runtime that made it");
  }
}

}  // namespace

Encoded encode_provisional(const PromptCache& cache, const EncodeOptions& options) {
  Encoded out;
  out.tensors.reserve(9 * cache.layers.size());  // what a quantized layer becomes; the longest list otherwise grows by copies
  ProvisionalEncoder encoder(out, options);
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    const Cache& layer = *cache.layers[i];
    encoder.state(layer_name(cache, i), std::to_string(i), layer);
    out.metadata.emplace(fmt::format("1.{}", i), stored_name(layer));
  }
  for (const auto& [key, value] : cache.metadata) out.metadata.emplace("0." + key, value);
  out.warnings.emplace_back("mlx-lm@2026-09 is provisional: no file that mlx-lm itself wrote was ever compared");
  return out;
}

}  // namespace kvcache::detail
