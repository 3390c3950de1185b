#include "verify/scan_items.h"

#include <algorithm>
#include <unordered_set>

#include "verify/scan_kernels.h"

namespace kvcache::detail {
namespace {

std::uint64_t offset_in_file(const Tensor& tensor) {
  std::uint64_t offset = 0;
  tensor.visit(0, 1, [&](const Extent& extent) { offset = extent.offset; });
  return offset;
}

Role role_of(const Place& place) {
  return visit(
      *place.cache,
      PerClass{[](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, ChunkedKVCache, BatchKVCache, BatchRotatingKVCache,
                              TurboQuantKVCache, VarianceNormalizedKVCache> auto&) { return Role::keys_values; },
               [](const ArraysCache&) { return Role::slot; },
               // The children of a list are places of their own.
               [](const OneOf<CacheList, OpaqueCache> auto&) { return Role::other; }});
}

/// Codes with scales and biases, and how they are decoded.
struct CodedArray {
  Quantized arrays;
  std::int64_t bits = 0;
  std::int64_t group_size = 0;
  std::int64_t tokens = 0;
};

std::vector<CodedArray> coded_arrays(const Place& place) {
  using Coded = std::vector<CodedArray>;
  return visit(
      *place.cache,
      PerClass{[](const QuantizedKVCache& cache) {
                 const auto& s = cache.state();
                 return Coded{{s.keys, s.bits, s.group_size, s.offset}, {s.values, s.bits, s.group_size, s.offset}};
               },
               [](const TurboQuantKVCache& turbo) {
                 const auto& s = turbo.state();
                 if (s.form != TurboQuantKVCache::Form::affine_keys) return Coded();
                 const Quantized keys{s.arrays[0], s.arrays[1], s.arrays[2]};
                 const std::int64_t groups = keys.scales.rank() == 0 ? 0 : keys.scales.dim(-1);
                 return Coded{{keys, 8, groups == 0 ? 0 : keys.weights.dim(-1) * 4 / groups, s.offset}};
               },
               // Not packed, or in a way of its own that nothing here decodes.
               [](const OneOf<KVCache, RotatingKVCache, ChunkedKVCache, ArraysCache, CacheList, BatchKVCache,
                              BatchRotatingKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) { return Coded(); }});
}

bool is_pair(const Quantized& q) {
  return q.scales.defined() && q.biases.defined() && q.scales.nbytes() != 0 && q.biases.nbytes() != 0 &&
         q.scales.dtype() == q.biases.dtype() && q.scales.shape() == q.biases.shape();
}

std::optional<ScanCodes> codes_of(const CodedArray& coded) {
  const Tensor& weights = coded.arrays.weights;
  const Tensor& scales = coded.arrays.scales;
  if (!is_supported_bits(coded.bits) || !is_supported_group_size(coded.group_size) || weights.rank() != 4 ||
      scales.rank() != 4 || !std::equal(weights.shape().begin(), weights.shape().end() - 1, scales.shape().begin()) ||
      weights.dim(-1) * 32 != scales.dim(-1) * coded.group_size * coded.bits)
    return std::nullopt;
  return ScanCodes{weights, {scales.dtype(), static_cast<int>(coded.bits), static_cast<int>(coded.group_size)}, coded.tokens};
}

// The biases and codes that belong to a scales tensor, where they do.
void add_codes(const Place& place, ScanItem& item) {
  for (const CodedArray& coded : coded_arrays(place)) {
    if (!is_pair(coded.arrays) || offset_in_file(coded.arrays.scales) != offset_in_file(item.tensor)) continue;
    item.biases = coded.arrays.biases;
    item.codes = codes_of(coded);
    return;
  }
}

void add_cache(const Place& place, std::vector<ScanItem>& items) {
  if (place.as<CacheList>() != nullptr) return;  // its children are places of their own
  for (const Cache::Part& part : place.cache->parts()) {
    if (!part.tensor.defined() || part.tensor.nbytes() == 0 || !is_scannable(part.tensor.dtype())) continue;
    items.push_back({.tensor = part.tensor,
                     .biases = {},
                     .role = role_of(place),
                     .where = place.where,
                     .key = place.keys->of(part.tensor),
                     .name = part.name,
                     .file_offset = offset_in_file(part.tensor)});
    add_codes(place, items.back());
  }
}

// Model state, and arrays that belong to no layer.
void add_others(const Document& document, std::vector<ScanItem>& items) {
  std::unordered_set<std::size_t> of_layers;
  for (const LayerSource& source : document.sources) of_layers.insert(source.arrays.begin(), source.arrays.end());
  const auto& tensors = document.file.header().tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (of_layers.contains(i) || tensors[i].nbytes() == 0 || !is_scannable(tensors[i].dtype)) continue;
    const Tensor tensor = document.file.tensor(tensors[i]);
    items.push_back({.tensor = tensor,
                     .biases = {},
                     .role = Role::other,
                     .where = {},
                     .key = tensors[i].key,
                     .name = "tensor",
                     .file_offset = offset_in_file(tensor)});
  }
}

}  // namespace

std::vector<ScanItem> scan_items(const Document& document, const std::vector<Place>& places) {
  std::vector<ScanItem> items;
  for (const Place& place : places) add_cache(place, items);
  add_others(document, items);
  std::ranges::stable_sort(items, {}, &ScanItem::file_offset);
  std::uint64_t covered = 0;
  std::erase_if(items, [&](const ScanItem& item) {
    if (item.file_offset < covered) return true;
    covered = item.file_offset + item.tensor.nbytes();
    return false;
  });
  return items;
}

}  // namespace kvcache::detail
