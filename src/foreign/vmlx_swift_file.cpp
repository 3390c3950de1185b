#include "foreign/vmlx_swift_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "cache/axes.h"
#include "foreign/header_fields.h"
#include "foreign/stored_layers.h"
#include "foreign/unreadable.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

using kvcache::detail::row_axis;

constexpr std::int64_t known_swift_version = 2;
constexpr std::size_t most_swift_layers = 65536;

namespace stored_kind {
enum Kind : std::int64_t { turbo = 1, plain = 2, mamba = 3, skipped = 4, quantized = 5, rotating = 6, list = 8 };
}  // namespace stored_kind

/// All values of one of the small tensors.
std::vector<std::int64_t> integers(const SafetensorsFile& file, const std::string& key, std::size_t count) {
  const Tensor tensor = array(file, key);
  if (tensor.dtype() != Dtype::I32 || tensor.elements() != count)
    unreadable(fmt::format("'{}' is {} {}", key, name(tensor.dtype()), to_string(tensor.shape())));
  return tensor.integers();
}

std::int64_t integer(const SafetensorsFile& file, const std::string& key) {
  return integers(file, key, 1).front();
}

/// The layer `at` ("3"), or a member of a list ("3_sub_1").
std::unique_ptr<Cache> plain_cache(const SafetensorsFile& file, const std::string& at, const LayerPlace& place) {
  const Tensor keys = array(file, fmt::format("kv_{}_keys", at));
  const Tensor values = array(file, fmt::format("kv_{}_values", at));
  if (keys.rank() != 4) unreadable(fmt::format("{}: keys are {}", place.name, to_string(keys.shape())));
  return plain_layer(place, keys, values, keys.dim(row_axis));
}

std::unique_ptr<Cache> mamba_cache(const SafetensorsFile& file, const std::string& at) {
  ArraysCache::State state;
  for (int slot = 0; slot < 2; ++slot)
    state.slots.push_back(find_array(file, fmt::format("mamba_{}_state{}", at, slot)).value_or(Tensor()));
  state.mamba = true;
  return std::make_unique<ArraysCache>(std::move(state));
}

std::unique_ptr<Cache> rotating_cache(const SafetensorsFile& file, const std::string& at, const LayerPlace& place) {
  const std::vector<std::int64_t> meta = integers(file, fmt::format("__rot_{}_meta__", at), 5);
  return ring_layer(place, array(file, fmt::format("rot_{}_keys", at)), array(file, fmt::format("rot_{}_values", at)),
                    {meta[0], meta[1], meta[3], meta[4]});
}

std::unique_ptr<Cache> quantized_cache(const SafetensorsFile& file, const std::string& at, const LayerPlace& place) {
  const std::int64_t count = integer(file, fmt::format("__qkv_{}_count__", at));
  if (count != 4 && count != 6) unreadable(fmt::format("{}: {} arrays, not 4 or 6", place.name, count));
  QuantizedKVCache::State state;
  state.offset = integer(file, fmt::format("__qkv_{}_offset__", at));
  state.group_size = integer(file, fmt::format("__qkv_{}_group_size__", at));
  state.bits = integer(file, fmt::format("__qkv_{}_bits__", at));
  if (!is_supported_bits(state.bits) || !is_supported_group_size(state.group_size))
    unreadable(fmt::format("{}: {} bits in groups of {}", place.name, state.bits, state.group_size));
  const auto part = [&](std::int64_t i) {
    const Tensor tensor = array(file, fmt::format("qkv_{}_{}", at, i));
    if (tensor.rank() != 4 || state.offset < 0 || state.offset > tensor.dim(row_axis))
      unreadable(fmt::format("{}: {} tokens in an array {}", place.name, state.offset, to_string(tensor.shape())));
    return tensor.slice(row_axis, 0, state.offset);
  };
  const bool biases = count == 6;
  state.keys = {part(0), part(1), biases ? part(2) : Tensor()};
  state.values = {part(biases ? 3 : 2), part(biases ? 4 : 3), biases ? part(5) : Tensor()};
  return std::make_unique<QuantizedKVCache>(std::move(state));
}

std::unique_ptr<Cache> leaf(const SafetensorsFile& file, std::int64_t kind, const std::string& at, const LayerPlace& place) {
  switch (kind) {
    case stored_kind::plain:
      return plain_cache(file, at, place);
    case stored_kind::mamba:
      return mamba_cache(file, at);
    case stored_kind::rotating:
      return rotating_cache(file, at, place);
    case stored_kind::quantized:
      return quantized_cache(file, at, place);
    default:
      break;
  }
  throw Error(ErrorKind::impossible,
              fmt::format("{}: a {} layer can only be looked at", place.name, VmlxSwiftFile::kind_name(kind)));
}

std::unique_ptr<Cache> list_cache(const SafetensorsFile& file, std::size_t layer, const LayerPlace& place) {
  const std::int64_t count = integer(file, fmt::format("__cache_list_{}_count__", layer));
  if (count < 1 || static_cast<std::uint64_t>(count) > file.header().tensors.size())
    unreadable(fmt::format("{}: a list of {} caches", place.name, count));
  std::vector<std::unique_ptr<Cache>> children;
  for (std::int64_t j = 0; j < count; ++j) {
    const std::int64_t kind = integer(file, fmt::format("__cache_list_{}_sub_{}_kind__", layer, j));
    children.push_back(
        leaf(file, kind, fmt::format("{}_sub_{}", layer, j), LayerPlace{fmt::format("{} child {}", place.name, j)}));
  }
  return std::make_unique<CacheList>(std::move(children));
}

}  // namespace

bool is_vmlx_swift_file(const Header& header) {
  return header.find("__layer_kind_0__") != nullptr;
}

std::string VmlxSwiftFile::kind_name(std::int64_t kind) {
  constexpr std::array<std::string_view, 11> names = {
      "unknown",     "TurboQuant", "KVCache",  "MambaCache",          "skipped", "QuantizedKVCache", "RotatingKVCache",
      "DeepSeek-V4", "CacheList",  "ZAYA CCA", "TurboQuant ZAYA CCA",
  };
  if (kind < 1 || static_cast<std::size_t>(kind) >= names.size()) return fmt::format("kind {}", kind);
  return std::string(names[static_cast<std::size_t>(kind)]);
}

VmlxSwiftFile read_vmlx_swift_file(SafetensorsFile file) {
  VmlxSwiftFile out;
  out.version = integer(file, "__jang_cache_format_version__");
  if (out.version != known_swift_version)
    unreadable(fmt::format("version {} of vmlx-swift's files is not known here", out.version), "KV123");
  for (std::size_t i = 0; i < most_swift_layers; ++i) {
    const std::string key = fmt::format("__layer_kind_{}__", i);
    if (file.header().find(key) == nullptr) break;
    out.kinds.push_back(integer(file, key));
  }
  if (out.kinds.empty()) unreadable("it has no layers");
  for (std::size_t i = 0; i < out.kinds.size() && out.tokens == 0; ++i) {
    if (out.kinds[i] == stored_kind::plain) {
      const Tensor keys = array(file, fmt::format("kv_{}_keys", i));
      if (keys.rank() == 4) out.tokens = keys.dim(row_axis);
    } else if (out.kinds[i] == stored_kind::rotating) {
      out.tokens = integers(file, fmt::format("__rot_{}_meta__", i), 5)[3];
    } else if (out.kinds[i] == stored_kind::quantized) {
      out.tokens = integer(file, fmt::format("__qkv_{}_offset__", i));
    }
  }
  out.file = std::move(file);
  return out;
}

std::vector<std::unique_ptr<Cache>> VmlxSwiftFile::restore() const {
  std::vector<std::unique_ptr<Cache>> out;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const LayerPlace place{fmt::format("layer {}", i)};
    if (kinds[i] == stored_kind::list)
      out.push_back(list_cache(file, i, place));
    else
      out.push_back(leaf(file, kinds[i], std::to_string(i), place));
  }
  return out;
}

}  // namespace kvcache::foreign
