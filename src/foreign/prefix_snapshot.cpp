#include "foreign/prefix_snapshot.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "cache/axes.h"
#include "foreign/header_fields.h"
#include "foreign/names.h"
#include "foreign/stored_layers.h"
#include "foreign/unreadable.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

using kvcache::detail::row_axis;

using Json = nlohmann::json;

constexpr std::int64_t known_prefix_version = 2;
constexpr std::size_t most_prefix_layers = 65536;

std::optional<std::int64_t> integer_or_none(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return std::nullopt;
  if (!it->is_number_integer()) unreadable(fmt::format("index.json: {} is no integer", name));
  return it->get<std::int64_t>();
}

std::int64_t needed_integer(const Json& object, const char* name) {
  const std::optional<std::int64_t> value = integer_or_none(object, name);
  if (!value) unreadable(fmt::format("index.json has no {}", name));
  return *value;
}

std::string text_field(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_string()) unreadable(fmt::format("index.json has no {}", name));
  return it->get<std::string>();
}

const Json& list_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_array()) unreadable(fmt::format("index.json has no list {}", name));
  return *it;
}

PrefixSnapshot::Layer read_prefix_layer(const Json& json) {
  if (!json.is_object()) unreadable("index.json: a layer is no object");
  PrefixSnapshot::Layer layer;
  layer.kind = text_field(json, "kind");
  layer.first_parameter = integer_or_none(json, "kindParam1");
  layer.second_parameter = integer_or_none(json, "kindParam2");
  layer.tokens = needed_integer(json, "tokenCount");
  layer.arrays = needed_integer(json, "arrayCount");
  for (const Json& value : list_of(json, "metaState")) {
    if (!value.is_string()) unreadable("index.json: metaState holds something else than texts");
    layer.meta.push_back(value.get<std::string>());
  }
  return layer;
}

/// Arrays of one layer: "3.0", "3.1", ...
class Arrays {
 public:
  Arrays(const SafetensorsFile& file, std::size_t layer, std::int64_t count) : file_(file), layer_(layer), count_(count) {}
  [[nodiscard]] Tensor at(std::int64_t i) const { return array(file_, fmt::format("{}.{}", layer_, i)); }
  [[nodiscard]] std::int64_t count() const { return count_; }
  void expect(std::int64_t n, const LayerPlace& place) const {
    if (count_ != n) unreadable(fmt::format("{}: {} arrays, not {}", place.name, count_, n));
  }

 private:
  const SafetensorsFile& file_;
  std::size_t layer_;
  std::int64_t count_;
};

std::int64_t parameter(const std::optional<std::int64_t>& value, const LayerPlace& place) {
  if (!value) unreadable(fmt::format("{}: a parameter of its kind is missing", place.name));
  return *value;
}

Tensor cut(const Tensor& tensor, std::int64_t rows, const LayerPlace& place) {
  if (tensor.rank() != 4 || rows < 0 || rows > tensor.dim(row_axis))
    unreadable(fmt::format("{}: {} tokens in an array {}", place.name, rows, to_string(tensor.shape())));
  return tensor.slice(row_axis, 0, rows);
}

std::unique_ptr<Cache> quantized(const PrefixSnapshot::Layer& layer, const Arrays& arrays, const LayerPlace& place) {
  if (arrays.count() != 4 && arrays.count() != 6)
    unreadable(fmt::format("{}: {} arrays, not 4 or 6", place.name, arrays.count()));
  const bool biases = arrays.count() == 6;
  const auto part = [&](std::int64_t i) { return cut(arrays.at(i), layer.tokens, place); };
  QuantizedKVCache::State state;
  state.keys = {part(0), part(1), biases ? part(2) : Tensor()};
  state.values = {part(biases ? 3 : 2), part(biases ? 4 : 3), biases ? part(5) : Tensor()};
  state.offset = layer.tokens;
  state.bits = parameter(layer.first_parameter, place);
  state.group_size = parameter(layer.second_parameter, place);
  if (!is_supported_bits(state.bits) || !is_supported_group_size(state.group_size))
    unreadable(fmt::format("{}: {} bits in groups of {}", place.name, state.bits, state.group_size));
  return std::make_unique<QuantizedKVCache>(std::move(state));
}

/// Which slots are set: metadata as mlx-swift-lm writes them, "2" and "0,1"; without them, all.
std::unique_ptr<Cache> slot_layer(const PrefixSnapshot::Layer& layer, const Arrays& arrays, const LayerPlace& place) {
  ArraysCache::State state;
  std::optional<std::size_t> size;
  if (layer.meta.size() >= 2) size = whole_number<std::size_t>(layer.meta[0]);
  if (!size) {
    for (std::int64_t i = 0; i < arrays.count(); ++i) state.slots.push_back(arrays.at(i));
    return std::make_unique<ArraysCache>(std::move(state));
  }
  if (*size > most_prefix_layers) unreadable(fmt::format("{}: {} slots", place.name, *size));
  state.slots.resize(*size);
  std::int64_t next = 0;
  for (std::string_view rest = layer.meta[1]; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const auto index = whole_number<std::size_t>(rest.substr(0, comma));
    if (!index || *index >= *size || state.slots[*index].defined())
      unreadable(fmt::format("{}: '{}' are not slots of {}", place.name, printable(layer.meta[1], 40), *size));
    state.slots[*index] = arrays.at(next++);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  arrays.expect(next, place);
  return std::make_unique<ArraysCache>(std::move(state));
}

}  // namespace

std::string PrefixSnapshot::folder_name() const {
  const std::optional<std::uint64_t> width = bits ? std::optional(static_cast<std::uint64_t>(*bits)) : std::nullopt;
  return prefix_folder_name(model, layers.size(), static_cast<std::uint64_t>(head_dim), width, ids);
}

std::vector<std::unique_ptr<Cache>> PrefixSnapshot::restore(const SafetensorsFile& arrays_file) const {
  std::vector<std::unique_ptr<Cache>> out;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const LayerPlace place{fmt::format("layer {}", i)};
    const Arrays arrays(arrays_file, i, layer.arrays);
    if (layer.kind == "standardUnbounded") {
      arrays.expect(2, place);
      out.push_back(plain_layer(place, arrays.at(0), arrays.at(1), layer.tokens));
    } else if (layer.kind == "standardWindowed") {
      // Its writer refuses windows that have wrapped.
      arrays.expect(2, place);
      out.push_back(ring_layer(
          place, arrays.at(0), arrays.at(1),
          {parameter(layer.second_parameter, place), parameter(layer.first_parameter, place), layer.tokens, layer.tokens}));
    } else if (layer.kind == "affineQuantized") {
      out.push_back(quantized(layer, arrays, place));
    } else if (layer.kind == "ssm") {
      out.push_back(slot_layer(layer, arrays, place));
    } else if (layer.kind == "turboCompressed") {
      throw Error(ErrorKind::impossible,
                  fmt::format("{}: compressed by a scheme whose codebooks are not in the file", place.name));
    } else {
      unreadable(fmt::format("{}: a cache of kind '{}' is not known here", place.name, printable(layer.kind)), "KV123");
    }
  }
  return out;
}

bool is_prefix_snapshot(std::string_view json) {
  const Json index = Json::parse(json, nullptr, false);
  return index.is_object() && index.contains("formatVersion") && index.contains("layers") && index.contains("tokens");
}

PrefixSnapshot read_prefix_snapshot(std::string_view json) {
  const Json index = Json::parse(json, nullptr, false);
  if (!index.is_object()) unreadable("index.json is no JSON object");
  const std::int64_t version = needed_integer(index, "formatVersion");
  if (version != known_prefix_version)
    unreadable(fmt::format("version {} of prefix folders is not known here", version), "KV123");
  PrefixSnapshot snapshot;
  snapshot.model = text_field(index, "modelID");
  snapshot.head_dim = needed_integer(index, "kvHeadDim");
  snapshot.bits = integer_or_none(index, "kvBits");
  for (const Json& id : list_of(index, "tokens")) {
    const std::int64_t value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (value < 0 || value > max_dim) unreadable("index.json: a token id is none");
    snapshot.ids.push_back(static_cast<std::int32_t>(value));
  }
  const Json& layers = list_of(index, "layers");
  if (layers.empty() || layers.size() > most_prefix_layers) unreadable(fmt::format("index.json has {} layers", layers.size()));
  for (const Json& layer : layers) snapshot.layers.push_back(read_prefix_layer(layer));
  if (needed_integer(index, "layerCount") != static_cast<std::int64_t>(snapshot.layers.size()))
    unreadable(
        fmt::format("index.json says {} layers and has {}", needed_integer(index, "layerCount"), snapshot.layers.size()));
  const auto hidden = index.find("hasLastHidden");
  snapshot.last_hidden = hidden != index.end() && hidden->is_boolean() && hidden->get<bool>();
  return snapshot;
}

}  // namespace kvcache::foreign
