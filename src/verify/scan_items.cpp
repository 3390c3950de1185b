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
  if (place.as<ArraysCache>() != nullptr) return Role::slot;
  if (place.as<OpaqueCache>() != nullptr) return Role::other;
  return Role::keys_values;
}

// The biases that belong to a scales tensor of a quantized cache, or no tensor.
Tensor biases_of(const Place& place, const Tensor& scales) {
  const auto* const cache = place.as<QuantizedKVCache>();
  if (cache == nullptr) return {};
  for (const Quantized* q : {&cache->state().keys, &cache->state().values}) {
    const bool pair = q->scales.defined() && q->biases.defined() && q->scales.nbytes() != 0 && q->biases.nbytes() != 0 &&
                      q->scales.dtype() == q->biases.dtype() && q->scales.shape() == q->biases.shape();
    if (pair && offset_in_file(q->scales) == offset_in_file(scales)) return q->biases;
  }
  return {};
}

void add_cache(const Place& place, std::vector<ScanItem>& items) {
  if (place.as<CacheList>() != nullptr) return;  // its children are places of their own
  for (const Cache::Part& part : place.cache->parts()) {
    if (!part.tensor.defined() || part.tensor.nbytes() == 0 || !is_scannable(part.tensor.dtype())) continue;
    items.push_back({.tensor = part.tensor,
                     .biases = biases_of(place, part.tensor),
                     .role = role_of(place),
                     .where = place.where,
                     .key = place.keys->of(part.tensor),
                     .name = part.name,
                     .file_offset = offset_in_file(part.tensor)});
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
