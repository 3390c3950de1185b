#include "foreign/omlx/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "foreign/file_names.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/omlx/state_codec.h"
#include "foreign/unreadable.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign::omlx {
namespace {

constexpr std::int64_t most_block_layers = 16384;
constexpr std::int64_t most_arrays = 64;  // of one layer's state

std::int64_t number_in(const Metadata& metadata, const std::string& key, std::int64_t least, std::int64_t most) {
  const std::int64_t value = metadata_number(metadata, key);
  if (value < least || value > most) unreadable(fmt::format("metadata '{}' is {}", key, value));
  return value;
}

Json json_in(const Metadata& metadata, const std::string& key) {
  const std::string* text = find_metadata(metadata, key);
  if (text == nullptr) unreadable(fmt::format("metadata '{}' is missing", key));
  return parse_json(*text, fmt::format("metadata '{}'", key));
}

std::vector<std::string> texts_of(const Json& list, std::string_view what) {
  std::vector<std::string> out;
  if (!list.is_array()) unreadable(fmt::format("{} are no list", what));
  for (const Json& text : list) {
    if (!text.is_string()) unreadable(fmt::format("{} are no list of texts", what));
    out.push_back(text.get<std::string>());
  }
  return out;
}

void read_signature(const Metadata& metadata, BlockFacts& facts) {
  const std::string* text = find_metadata(metadata, "cache_signature");
  if (text == nullptr) return;
  facts.stored_signature = *text;
  Json signature = parse_json(*text, "metadata 'cache_signature'");
  if (!signature.is_object()) unreadable("metadata 'cache_signature' is no object");
  if (const auto bits = signature.find("turboquant_kv_bits"); bits != signature.end() && bits->is_number())
    facts.turboquant_bits = bits->dump();
  if (const auto types = signature.find("layer_cache_types"); types != signature.end() && types->is_array())
    for (Json& type : *types)
      if (type.is_string()) type = canonical_class(type.get<std::string>());
  static constexpr std::array<std::string_view, 6> told = {"model_name",        "num_layers",         "block_size",
                                                           "layer_cache_types", "turboquant_kv_bits", "payload_layout"};
  for (const auto& [key, value] : signature.items())
    if (std::ranges::find(told, key) == told.end())
      facts.other_settings.emplace_back(
          key, value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true, Json::error_handler_t::replace));
  facts.signature = signature.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Tensor stand_in(const std::string& zero_dim, const std::string& where) {
  Shape shape;
  std::string_view rest = zero_dim;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const auto dim = whole_number<std::int64_t>(rest.substr(0, comma));
    if (!dim || *dim < 0 || *dim > max_dim || shape.size() == max_rank)
      unreadable(fmt::format("{}: no shape: '{}'", where, printable(zero_dim)));
    shape.push_back(*dim);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  if (element_count(shape) != 0U) unreadable(fmt::format("{}: {} is not without elements", where, to_string(shape)));
  return Tensor::zeros(Dtype::F32, shape);
}

Codec codec_of(const Metadata& metadata, const std::string& key) {
  Codec codec;
  if (const std::string* text = find_metadata(metadata, key + "_storage_codec")) codec.name = *text;
  if (const std::string* text = find_metadata(metadata, key + "_rht_seed")) codec.seed = *text;
  if (const std::string* text = find_metadata(metadata, key + "_rht_dim"))
    codec.dim = whole_number<std::int64_t>(*text).value_or(-1);
  return codec;
}

/// The array at `key`, with the words about it that the metadata have.
StateArray read_array(const Block& block, const std::string& key) {
  const Header& header = block.file.header();
  StateArray out;
  if (find_metadata(header.metadata, key + "_none") != nullptr) {
    out.kind = StateArray::Kind::none;
    return out;
  }
  if (const std::string* shape = find_metadata(header.metadata, key + "_zero_dim")) {
    out.kind = StateArray::Kind::empty;
    out.tensor = stand_in(*shape, key);
    return out;
  }
  if (find_metadata(header.metadata, key + "_nested") != nullptr) {
    out.kind = StateArray::Kind::nested;
    return out;
  }
  const TensorEntry* entry = header.find(key);
  if (entry == nullptr) return out;
  out.kind = StateArray::Kind::stored;
  const Codec codec = codec_of(header.metadata, key);
  out.codec = codec.name;
  const TensorEntry* scale = header.find(key + "__scale");
  out.tensor = decode_state(block.file.tensor(*entry),
                            scale == nullptr ? std::nullopt : std::optional(block.file.tensor(*scale)), codec, key);
  return out;
}

/// Keys of the arrays with the state at `prefix`: "layer_3", "layer_3_sub_1".
std::vector<StateArray> read_arrays(const Block& block, const std::string& prefix) {
  const Metadata& metadata = block.file.header().metadata;
  std::vector<StateArray> out;
  if (find_metadata(metadata, prefix + "_state_count") != nullptr) {
    const std::int64_t count = number_in(metadata, prefix + "_state_count", 0, most_arrays);
    for (std::int64_t k = 0; k < count; ++k) out.push_back(read_array(block, fmt::format("{}_state_{}", prefix, k)));
  } else {
    // Format 2 and before have pairs.
    for (const std::string_view name : {"keys", "values"}) out.push_back(read_array(block, fmt::format("{}_{}", prefix, name)));
    if (out[0].kind == StateArray::Kind::missing && out[1].kind == StateArray::Kind::missing) out.clear();
  }
  return out;
}

bool is_known(const StoredState& state) {
  return state.is_plain() || state.is_ring() || state.is_slots();
}

void check_readable(const Block& block, const std::string& prefix, const StoredState& state, StoredLayer& layer) {
  const Metadata& metadata = block.file.header().metadata;
  if (!layer.unreadable.empty()) return;
  const std::string* state_class = find_metadata(metadata, prefix + "_state_class_name");
  if (find_metadata(metadata, prefix + "_turboquant_v2") != nullptr || state.class_name == "TurboQuantKVCache")
    layer.unreadable = "TurboQuant codes need the rotation and the codebooks of their codec";
  else if (state_class != nullptr && *state_class == "PoolingCacheDelta")
    layer.unreadable = "it holds the rows that a pool has gained in one block, which no runtime here continues";
  else if (!is_known(state))
    layer.unreadable = fmt::format("{} is no class of a runtime here", printable(state.class_name));
  else if (std::ranges::any_of(state.arrays, [](const StateArray& a) { return a.kind == StateArray::Kind::nested; }))
    layer.unreadable = "its state is nested";
  else if (std::ranges::any_of(state.arrays, [](const StateArray& a) { return a.kind == StateArray::Kind::missing; }))
    unreadable(fmt::format("{}: an array of its state is not in the file", prefix));
}

/// Names and metadata of a list's members: [["KVCache", "RotatingKVCache"], ["", ["0", "16", "48", "16"]]].
std::pair<std::vector<std::string>, Json> members_in(const Json& meta, const std::string& where) {
  if (!meta.is_array() || meta.size() != 2 || !meta[0].is_array()) return {};
  return {texts_of(meta[0], where + ": classes of the members"), meta[1].is_array() ? meta[1] : Json::array()};
}

}  // namespace

std::string canonical_class(std::string_view name) {
  if (name == "SizedArraysCache" || name == "MambaCache") return "ArraysCache";
  if (name == "PrefillReadyRotatingKVCache" || name == "PreFillReadyRotatingKVCache" || name == "BufferedRotatingKVCache")
    return "RotatingKVCache";
  return std::string(name);
}

bool StoredState::is_placeholder() const {
  if (is_plain() || arrays.empty()) return arrays.empty();
  return std::ranges::all_of(arrays, [](const StateArray& array) {
    return array.kind == StateArray::Kind::stored && array.codec.empty() && array.tensor.dtype() == Dtype::F32 &&
           array.tensor.shape() == Shape{1};
  });
}

bool StoredLayer::needs_state() const {
  if (!is_list) return own.is_ring() || own.is_slots();
  return members.empty() || std::ranges::any_of(members, [](const StoredState& m) { return m.is_ring() || m.is_slots(); });
}

bool StoredLayer::has_state() const {
  if (!is_list) return !own.is_placeholder();
  return !members.empty() && std::ranges::none_of(members, [](const StoredState& m) {
    return (m.is_ring() || m.is_slots()) && m.is_placeholder();
  });
}

BlockFacts read_facts(const Metadata& metadata, std::string_view stem) {
  BlockFacts facts;
  const std::string* version = find_metadata(metadata, "omlx_cache_format_version");
  const std::string* hash = find_metadata(metadata, "block_hash");
  if (hash == nullptr || (version == nullptr && find_metadata(metadata, "layer_cache_types") == nullptr))
    unreadable("it does not say that it is a block");
  facts.hash = *hash;
  if (const std::string* model = find_metadata(metadata, "model_name")) facts.model = *model;
  if (version != nullptr) {
    facts.version_text = *version;
    const auto number = whole_number<std::int64_t>(*version);
    if (!number || *number < 1 || *number > newest_version)
      unreadable(fmt::format("format '{}', and 1 to {} are known here", printable(*version), newest_version), "KV902");
    facts.version = *number;
  }
  if (!is_hex(*hash, hash_digits)) unreadable(fmt::format("block_hash is no hash: '{}'", printable(*hash)), "KV901");
  if (*hash != stem)
    unreadable(
        fmt::format("it says that it is block {}, and lies under another name: servers pass it over", printable(*hash, 16)),
        "KV901");
  constexpr std::int64_t most_tokens = std::int64_t{1} << 31;
  facts.token_count = number_in(metadata, "token_count", 1, most_tokens);
  facts.num_layers = number_in(metadata, "num_layers", 1, most_block_layers);
  facts.has_settings = find_metadata(metadata, "block_size") != nullptr;
  facts.block_size = facts.has_settings ? number_in(metadata, "block_size", 1, most_tokens) : facts.token_count;
  if (facts.token_count > facts.block_size)
    unreadable(fmt::format("{} tokens in a block of {}", facts.token_count, facts.block_size), "KV908");
  facts.classes = texts_of(json_in(metadata, "layer_cache_types"), "metadata 'layer_cache_types'");
  facts.meta_states = json_in(metadata, "layer_meta_states");
  const auto layers = static_cast<std::size_t>(facts.num_layers);
  if (facts.classes.size() != layers || !facts.meta_states.is_array() || facts.meta_states.size() != layers)
    unreadable(fmt::format("{} layers, but {} classes and {} states", layers, facts.classes.size(), facts.meta_states.size()),
               "KV908");
  if (const std::string* layout = find_metadata(metadata, "payload_layout")) facts.payload_layout = *layout;
  read_signature(metadata, facts);
  return facts;
}

bool same_layers(const BlockFacts& a, const BlockFacts& b) {
  return a.num_layers == b.num_layers && std::ranges::equal(a.classes, b.classes, {}, canonical_class, canonical_class);
}

Block read_block(const std::string& path) {
  LazyFile file = LazyFile::open(path);
  BlockFacts facts = read_facts(file.header().metadata, std::filesystem::path(path).stem().string());
  return {std::move(facts), std::move(file)};
}

Block read_block(std::shared_ptr<const ByteSource> source, std::string_view stem) {
  LazyFile file = LazyFile::open(std::move(source));
  BlockFacts facts = read_facts(file.header().metadata, stem);
  return {std::move(facts), std::move(file)};
}

StoredLayer read_layer(const Block& block, std::size_t index) {
  const Metadata& metadata = block.file.header().metadata;
  const std::string prefix = fmt::format("layer_{}", index);
  StoredLayer layer;
  layer.own.class_name = block.facts.classes[index];
  layer.own.meta = block.facts.meta_states[index];
  layer.is_list = layer.own.class_name == "CacheList";
  if (!layer.is_list) {
    const bool turbo = find_metadata(metadata, prefix + "_turboquant_v2") != nullptr;
    if (!turbo) layer.own.arrays = read_arrays(block, prefix);
    check_readable(block, prefix, layer.own, layer);
    if (layer.unreadable.empty() && layer.own.arrays.empty()) unreadable(fmt::format("{} has no arrays", prefix));
    return layer;
  }
  const auto [names, metas] = members_in(layer.own.meta, prefix);
  if (const std::string* mode = find_metadata(metadata, prefix + "_storage_mode")) layer.per_member = *mode == "pm";
  std::int64_t count = 0;
  if (find_metadata(metadata, prefix + "_sub_count") != nullptr)
    count = number_in(metadata, prefix + "_sub_count", 0, most_arrays);
  else if (find_metadata(metadata, prefix + "_sub_0_keys") != nullptr ||
           block.file.header().find(prefix + "_sub_0_keys") != nullptr)
    count = static_cast<std::int64_t>(names.size());
  if (count == 0) return layer;  // elsewhere
  if (static_cast<std::size_t>(count) != names.size())
    unreadable(fmt::format("{}: {} members, but {} classes", prefix, count, names.size()));
  for (std::size_t j = 0; j < names.size(); ++j) {
    const std::string at = fmt::format("{}_sub_{}", prefix, j);
    StoredState member;
    member.class_name = names[j];
    member.meta = j < metas.size() ? metas[j] : Json();
    member.arrays = read_arrays(block, at);
    check_readable(block, at, member, layer);
    layer.members.push_back(std::move(member));
  }
  return layer;
}

std::vector<std::int64_t> layers_without_state(const Block& block) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < block.facts.classes.size(); ++i) {
    // Most layers are plain attention, of which nothing is asked.
    if (canonical_class(block.facts.classes[i]) == "KVCache") continue;
    const StoredLayer layer = read_layer(block, i);
    if (layer.unreadable.empty() && layer.needs_state() && !layer.has_state()) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

}  // namespace kvcache::foreign::omlx
