// mlx-lm 0.18: tensors "3_keys" and "3_values", plain metadata, no classes.
#include <fmt/format.h>

#include <algorithm>

#include "common/codes.h"
#include "format/document.h"
#include "format/file_layout.h"
#include "format/sections/decoder_layer.h"

namespace kvcache::detail {
namespace {

struct LegacyKey {
  std::uint64_t layer = 0;
  bool values = false;
};

std::optional<LegacyKey> parse_legacy_key(std::string_view key) {
  LegacyKey out;
  out.values = key.ends_with("_values");
  if (!out.values && !key.ends_with("_keys")) return std::nullopt;
  const auto layer = parse_index(key.substr(0, key.rfind('_')));
  if (!layer) return std::nullopt;
  out.layer = *layer;
  return out;
}

/// The old loader replayed the rows into a fresh window that pins four tokens.
constexpr std::string_view legacy_keep = "4";

}  // namespace

bool is_layer_name(std::string_view key) {
  return parse_legacy_key(key).has_value();
}

bool has_named_tensors(const Header& header) {
  return std::ranges::any_of(header.tensors, is_layer_name, &TensorEntry::key);
}

void decode_named_tensors(Document& document) {
  const Header& header = document.file.header();
  const auto broken = [&](const std::string& message, const std::string& key) {
    document.findings.push_back(make_finding("KV314", {}, key, message));
  };
  document.cache.metadata = header.metadata;
  std::map<std::uint64_t, ArrayTree> layers;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const auto key = parse_legacy_key(header.tensors[i].key);
    if (key) {
      layers[key->layer].children[key->values ? 1 : 0].value = i;
    } else {
      broken(fmt::format("tensor '{}' is neither keys nor values of a layer", printable(header.tensors[i].key)),
             header.tensors[i].key);
    }
  }
  check_layer_count(layers.size());
  if (!layers.empty() && layers.rbegin()->first + 1 != layers.size())
    broken(fmt::format("{} layers, but the last one is layer {}", layers.size(), layers.rbegin()->first),
           fmt::format("{}_keys", layers.rbegin()->first));

  std::optional<std::int64_t> window;
  if (const auto it = header.metadata.find("max_kv_size"); it != header.metadata.end() && it->second != "None") {
    std::int64_t max_size = 0;
    if (parse_int32(it->second, max_size) != IntegerError::none || max_size < 1) {
      document.findings.push_back(
          make_finding("KV305", Where::Part::metadata, "max_kv_size",
                       fmt::format("max_kv_size is '{}' instead of None or a number of tokens", printable(it->second))));
    } else {
      window = max_size;
    }
  }

  Decoder decoder(document.file, document.findings);
  std::vector<bool> unused;
  for (const auto& [index, arrays] : layers) {
    LayerInput in;
    in.where = Where::of_layer(index);
    in.key = fmt::format("{}_keys", index);
    in.class_text = window ? "RotatingKVCache" : "KVCache";
    in.arrays = &arrays;
    MetaTree meta;
    if (arrays.children.size() != 2) {
      broken(fmt::format("layer {} has {} but no {}", index, arrays.children.contains(0) ? "keys" : "values",
                         arrays.children.contains(0) ? "values" : "keys"),
             in.key);
      in.class_text = "KVCache";
      OpaqueCache::State state{in.class_text, {}, "half of its arrays are missing"};
      LayerOutput out;
      out.cache = std::make_unique<OpaqueCache>(std::move(state));
      out.eras = eras_laid_out_as(LayoutName::named_tensors);
      unused.push_back(false);
      add_layer(document, in.class_text, std::move(out));
      continue;
    }
    if (window) {
      const TensorEntry& keys = header.tensors[*arrays.children.at(0).value];
      const std::string rows = std::to_string(keys.shape.size() == 4 ? keys.shape[2] : 0);
      std::size_t n = 0;
      for (const std::string& field : {std::string(legacy_keep), std::to_string(*window), rows, rows})
        meta.children[n++].value = field;
    } else {
      meta.value = "";
    }
    in.meta = &meta;
    LayerOutput out = decoder.decode(in);
    out.eras = eras_laid_out_as(LayoutName::named_tensors);
    out.evidence = {"tensors are named by layer, keys and values"};
    unused.push_back(false);
    add_layer(document, in.class_text, std::move(out));
  }
  detect_eras(document, unused);
}

}  // namespace kvcache::detail
