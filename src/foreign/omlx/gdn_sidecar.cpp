#include "foreign/omlx/gdn_sidecar.h"

#include <fmt/format.h>

#include <algorithm>

#include "foreign/header_fields.h"
#include "foreign/omlx/state_codec.h"
#include "foreign/unreadable.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign::omlx {
namespace {

/// A value of layer_info is always a text.
std::int64_t number_of(const Json& info, const std::string& key, std::int64_t fallback) {
  const auto text = text_member(info, key);
  if (!text) return fallback;
  const auto value = whole_number<std::int64_t>(*text);
  constexpr std::int64_t most = 1 << 20;
  if (!value || *value < 0 || *value > most) unreadable(fmt::format("layer_info: '{}' is '{}'", key, printable(*text)));
  return *value;
}

Tensor empty_array(const std::string& text, const LazyFile& file, const std::string& key) {
  // The stand-in keeps the dtype that a block's loses.
  const TensorEntry* entry = file.header().find(key);
  Shape shape;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const auto dim = whole_number<std::int64_t>(std::string_view(text).substr(at, comma - at));
    if (!dim || *dim < 0 || *dim > max_dim || shape.size() == max_rank)
      unreadable(fmt::format("{}: no shape: '{}'", key, printable(text)));
    shape.push_back(*dim);
    at = comma + 1;
  }
  if (element_count(shape) != 0U) unreadable(fmt::format("{}: {} is not without elements", key, to_string(shape)));
  return Tensor::zeros(entry == nullptr ? Dtype::F32 : entry->dtype, shape);
}

/// The arrays of one layer or member. `tensors`: prefix of their keys; `fields`: prefix of what layer_info says of them.
StoredState read_state(const LazyFile& file, const Json& info, const std::string& tensors, const std::string& fields,
                       std::int64_t count, std::vector<std::string>& codecs) {
  StoredState state;
  for (std::int64_t k = 0; k < count; ++k) {
    const std::string key = fmt::format("{}_state_{}", tensors, k);
    StateArray array;
    const auto said = [&](std::string_view what) { return text_member(info, fmt::format("{}{}{}", fields, what, k)); };
    if (said("missing_") == "1") {
      array.kind = StateArray::Kind::none;
    } else if (const auto shape = said("zero_dim_")) {
      array.kind = StateArray::Kind::empty;
      array.tensor = empty_array(*shape, file, key);
    } else {
      const TensorEntry* entry = file.header().find(key);
      if (entry == nullptr) unreadable(fmt::format("array '{}' is missing", key));
      const TensorEntry* scale = file.header().find(key + "__scale");
      Codec codec;
      codec.name = text_member(info, fmt::format("{}state_{}_storage_codec", fields, k)).value_or("");
      codec.seed = text_member(info, fmt::format("{}state_{}_rht_seed", fields, k)).value_or("0");
      codec.dim = number_of(info, fmt::format("{}state_{}_rht_dim", fields, k), 0);
      array.kind = StateArray::Kind::stored;
      array.codec = codec.name;
      array.tensor =
          decode_state(file.tensor(*entry), scale == nullptr ? std::nullopt : std::optional(file.tensor(*scale)), codec, key);
      if (!codec.name.empty() && std::ranges::find(codecs, codec.name) == codecs.end()) codecs.push_back(codec.name);
    }
    state.arrays.push_back(std::move(array));
  }
  return state;
}

}  // namespace

std::string gdn_folder(std::string_view signature, std::string_view state_dtype) {
  Json settings = parse_json(signature, "the signature");
  if (!settings.is_object()) return {};
  // A block's own signature may name the dtype of its server: the folder has its own.
  settings.erase("gdn_sidecar_state_dtype");
  if (!state_dtype.empty()) settings["gdn_sidecar_state_dtype"] = state_dtype;
  return sha256(settings.dump(-1, ' ', true, Json::error_handler_t::replace));
}

std::vector<std::string> gdn_folders(const BlockFacts& facts) {
  std::vector<std::string> out;
  if (facts.signature.empty()) return out;
  for (const std::string_view dtype : {"", "bf16", "int8", "rht_int16", "rht_int8"}) {
    out.push_back(gdn_folder(facts.signature, dtype));
    // Some versions took the signature as it was stored.
    out.push_back(gdn_folder(facts.stored_signature, dtype));
  }
  return out;
}

GdnSidecar read_gdn(const LazyFile& file) {
  const Metadata& metadata = file.header().metadata;
  GdnSidecar out;
  out.version = metadata_number(metadata, "gdn_sidecar_format_version");
  constexpr std::int64_t newest = 2;
  if (out.version < 1 || out.version > newest)
    throw Error(ErrorKind::unreadable,
                fmt::format("recurrent state of format {}, and up to {} are known here", out.version, newest), {}, "KV902");
  out.token_count = metadata_number(metadata, "token_count");
  const std::string* text = find_metadata(metadata, "layer_info");
  if (text == nullptr) unreadable("metadata 'layer_info' is missing");
  const Json infos = parse_json(*text, "metadata 'layer_info'");
  if (!infos.is_array() || static_cast<std::int64_t>(infos.size()) != metadata_number(metadata, "num_layers"))
    unreadable("metadata 'layer_info' has not one object per layer");
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const Json& info = infos[i];
    StoredLayer layer;
    layer.own.class_name = text_member(info, "class_name").value_or("");
    layer.is_list = layer.own.class_name == "CacheList";
    if (text_member(info, "has_state") == "true") {
      const std::string prefix = fmt::format("layer_{}", i);
      const std::int64_t members = number_of(info, "sub_count", 0);
      if (members == 0) {
        StoredState state = read_state(file, info, prefix, "", number_of(info, "state_count", 0), out.codecs);
        layer.own.arrays = std::move(state.arrays);
      }
      for (std::int64_t j = 0; j < members; ++j)
        layer.members.push_back(read_state(file, info, fmt::format("{}_sub_{}", prefix, j), fmt::format("sub_{}_", j),
                                           number_of(info, fmt::format("sub_{}_count", j), 0), out.codecs));
    }
    out.layers.push_back(std::move(layer));
  }
  return out;
}

bool fits(const GdnSidecar& sidecar, const BlockFacts& facts) {
  return std::ranges::equal(sidecar.layers, facts.classes, [](const StoredLayer& layer, const std::string& name) {
    return canonical_class(layer.own.class_name) == canonical_class(name);
  });
}

}  // namespace kvcache::foreign::omlx
