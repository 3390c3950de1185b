#include "foreign/apc_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "foreign/header_fields.h"
#include "foreign/stored_layers.h"
#include "foreign/unreadable.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

using Json = nlohmann::json;

constexpr std::size_t most_blocks = 4096;  // the server stores at most 256
constexpr std::size_t deepest_list = 64;   // of lists in lists

/// "1,2,3"; nothing in an empty text.
template <typename T>
std::vector<T> list(const Metadata& metadata, const std::string& key) {
  const std::string* text = find_metadata(metadata, key);
  if (text == nullptr) unreadable(fmt::format("metadata '{}' is missing", printable(key)));
  std::vector<T> out;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const auto value = whole_number<T>(rest.substr(0, comma));
    if (!value)
      unreadable(fmt::format("metadata '{}': '{}' is no number", printable(key), printable(rest.substr(0, comma), 40)));
    out.push_back(*value);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) unreadable(fmt::format("metadata '{}' ends with a comma", printable(key)));
  }
  return out;
}

ApcBlock read_block(const Metadata& metadata, std::size_t index, std::int64_t hash) {
  const std::string key = fmt::format("b{}_meta", index);
  const std::string* text = find_metadata(metadata, key);
  if (text == nullptr) unreadable(fmt::format("metadata '{}' is missing", key));
  ApcBlock block;
  block.hash = hash;
  const Json json = Json::parse(*text, nullptr, false);
  const auto integer = [&](const char* field) {
    const auto it = json.find(field);
    if (it == json.end() || !it->is_number_integer()) unreadable(fmt::format("metadata '{}' has no {}", key, field));
    return it->get<std::int64_t>();
  };
  if (!json.is_object()) unreadable(fmt::format("metadata '{}' is no JSON object", key));
  if (integer("block_hash") != hash) unreadable(fmt::format("metadata '{}' is of another block", key));
  block.parent = integer("parent_hash");
  block.extra = integer("extra_hash");
  const auto ids = json.find("token_ids");
  if (ids == json.end() || !ids->is_array()) unreadable(fmt::format("metadata '{}' has no token_ids", key));
  for (const Json& id : *ids) {
    const std::int64_t value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (value < 0 || value > max_dim) unreadable(fmt::format("metadata '{}': a token id is none", key));
    block.ids.push_back(static_cast<std::int32_t>(value));
  }
  block.rule = apc_block_rule(block.hash, block.parent, block.ids, block.extra);
  return block;
}

/// [T, B, H, D] as [B, H, T, D].
Tensor heads_first(const Tensor& tokens) {
  const std::int64_t t = tokens.dim(0);
  const std::int64_t d = tokens.dim(3);
  std::vector<Tensor> batch;
  for (std::int64_t b = 0; b < tokens.dim(1); ++b) {
    std::vector<Tensor> heads;
    const Tensor one = tokens.slice(1, b, b + 1);
    for (std::int64_t h = 0; h < tokens.dim(2); ++h) heads.push_back(one.slice(2, h, h + 1).reshape({1, 1, t, d}));
    batch.push_back(concatenate(heads, 1));
  }
  return concatenate(batch, 0);
}

/// Entries of a whole cache, each under a prefix: "c3", and its members "c3_e0".
class EntryReader {
 public:
  explicit EntryReader(const SafetensorsFile& file) : file_(file), metadata_(file.header().metadata) {}

  std::unique_ptr<Cache> read(const std::string& prefix, const std::string& place, std::size_t depth = 0) {
    const std::string* kind = find_metadata(metadata_, prefix + "_kind");
    if (kind == nullptr) unreadable(fmt::format("metadata '{}_kind' is missing", prefix));
    const LayerPlace at{place};
    if (*kind == "kv") return kv(prefix, at);
    if (*kind == "rotating_kv")
      return ring_layer(at, array(file_, prefix + "_k"), array(file_, prefix + "_v"),
                        {metadata_number(metadata_, prefix + "_keep"), metadata_number(metadata_, prefix + "_max_size"),
                         metadata_number(metadata_, prefix + "_offset"), metadata_number(metadata_, prefix + "_idx")});
    if (*kind == "chunked_kv")
      return chunked_layer(
          at, array(file_, prefix + "_k"), array(file_, prefix + "_v"), metadata_number(metadata_, prefix + "_chunk_size"),
          metadata_number(metadata_, prefix + "_start_position"), metadata_number(metadata_, prefix + "_offset"));
    if (*kind == "arrays") return arrays(prefix, at);
    if (*kind == "cache_list" || *kind == "tuple") return members(prefix, place, *kind == "tuple", depth);
    unreadable(fmt::format("{}: a cache of kind '{}' is not known here", place, printable(*kind)), "KV123");
  }
  [[nodiscard]] std::size_t tuples() const { return tuples_; }

 private:
  std::size_t size(const std::string& prefix, const LayerPlace& at) {
    const std::int64_t n = metadata_number(metadata_, prefix + "_size");
    // Each slot or member has an array or a key of metadata.
    if (n < 0 || static_cast<std::uint64_t>(n) > file_.header().tensors.size() + metadata_.size())
      unreadable(fmt::format("{}: {} parts", at.name, n));
    return static_cast<std::size_t>(n);
  }

  std::unique_ptr<Cache> kv(const std::string& prefix, const LayerPlace& at) {
    const std::string* empty = find_metadata(metadata_, prefix + "_empty");
    if (empty != nullptr && *empty == "1") return std::make_unique<KVCache>();
    return plain_layer(at, array(file_, prefix + "_k"), array(file_, prefix + "_v"),
                       metadata_number(metadata_, prefix + "_offset"));
  }

  std::optional<Int32s> integers(const std::string& key, const LayerPlace& at) {
    const std::optional<Tensor> tensor = find_array(file_, key);
    if (!tensor) return std::nullopt;
    if (tensor->rank() != 1 || (tensor->dtype() != Dtype::I32 && tensor->dtype() != Dtype::I64))
      unreadable(fmt::format("{}: '{}' is no list of integers", at.name, printable(key)));
    Int32s out;
    for (const std::int64_t value : tensor->integers()) {
      if (value < -max_dim || value > max_dim)
        unreadable(fmt::format("{}: '{}' has the value {}", at.name, printable(key), value));
      out.push_back(static_cast<std::int32_t>(value));
    }
    return out;
  }

  std::unique_ptr<Cache> arrays(const std::string& prefix, const LayerPlace& at) {
    ArraysCache::State state;
    const std::size_t n = size(prefix, at);
    for (std::size_t j = 0; j < n; ++j) {
      const std::string key = fmt::format("{}_s{}", prefix, j);
      const std::string* none = find_metadata(metadata_, key + "_none");
      const bool unset = none != nullptr && *none == "1";
      state.slots.push_back(unset ? Tensor() : array(file_, key));
      if (!unset && state.slots.back().rank() == 0) unreadable(fmt::format("{}: slot {} has no dimension", at.name, j));
    }
    state.left_padding = integers(prefix + "_left_padding", at);
    state.lengths = integers(prefix + "_lengths", at);
    return std::make_unique<ArraysCache>(std::move(state));
  }

  std::unique_ptr<Cache> members(const std::string& prefix, const std::string& place, bool tuple, std::size_t depth) {
    if (depth >= deepest_list) unreadable(fmt::format("{}: lists in lists, more than {} deep", place, deepest_list));
    if (tuple) ++tuples_;
    std::vector<std::unique_ptr<Cache>> children;
    const std::size_t n = size(prefix, {place});
    for (std::size_t j = 0; j < n; ++j)
      children.push_back(read(fmt::format("{}_e{}", prefix, j), fmt::format("{} child {}", place, j), depth + 1));
    return std::make_unique<CacheList>(std::move(children));
  }

  const SafetensorsFile& file_;
  const Metadata& metadata_;
  std::size_t tuples_ = 0;
};

}  // namespace

std::optional<std::string> apc_layout(const Header& header) {
  const std::string* layout = find_metadata(header.metadata, "layout");
  if (layout == nullptr) return std::nullopt;
  const bool exact = header.metadata.contains("cache_hash") && header.metadata.contains("num_entries");
  const bool shard = header.metadata.contains("block_hashes") && header.metadata.contains("block_size");
  if (!exact && !shard) return std::nullopt;
  return *layout;
}

bool is_apc_exact(std::string_view layout) {
  return layout.starts_with("exact_cache_");
}

Tensor ApcShard::keys(std::int64_t layer, std::size_t block) const {
  return rows('k', layer, block);
}
Tensor ApcShard::values(std::int64_t layer, std::size_t block) const {
  return rows('v', layer, block);
}

std::string ApcShard::rows_in_words() const {
  const auto of_layer = [&](char part, std::int64_t layer) {
    const TensorEntry* entry = file.header().find(token_major ? fmt::format("{}_all", part) : fmt::format("{}{}", part, layer));
    if (entry == nullptr) return std::string("nothing");
    Shape shape = entry->shape;
    // [T, L, B, H, D] as the [B, H, rows, D] of the others.
    if (token_major && shape.size() == 5) shape = {shape[2], shape[3], shape[0], shape[4]};
    if (shape.size() == 4) shape[2] = block_size;
    return fmt::format("{} {}", name(entry->dtype), to_string(shape));
  };
  std::string out;
  std::string before;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    std::string text = fmt::format("keys {} and values {}", of_layer('k', layer), of_layer('v', layer));
    if (text == before) continue;
    out += fmt::format("{}{}", out.empty() ? "" : fmt::format(", from layer {} on ", layer), text);
    before = std::move(text);
  }
  return out;
}

Tensor ApcShard::rows(char part, std::int64_t layer, std::size_t block) const {
  const std::string key = token_major ? fmt::format("{}_all", part) : fmt::format("{}{}", part, layer);
  const Tensor whole = array(file, key);
  const std::int64_t begin = static_cast<std::int64_t>(block) * block_size;
  const std::size_t rank = token_major ? 5 : 4;
  const int axis = token_major ? 0 : 2;
  if (whole.rank() != rank || !is_float(whole.dtype()) || whole.elements() == 0)
    unreadable(fmt::format("layer {}: '{}' is {} {}", layer, key, name(whole.dtype()), to_string(whole.shape())));
  if (begin + block_size > whole.dim(axis) || (token_major && layer >= whole.dim(1)))
    unreadable(fmt::format("layer {}: '{}' has {} rows, too few for its {} blocks of {} tokens", layer, key, whole.dim(axis),
                           blocks.size(), block_size));
  Tensor part_of = whole.slice(axis, begin, begin + block_size);
  if (!token_major) return part_of;
  const Tensor one = part_of.slice(1, layer, layer + 1);
  return heads_first(one.reshape({one.dim(0), one.dim(2), one.dim(3), one.dim(4)}));
}

ApcShard read_apc_shard(SafetensorsFile file) {
  const Metadata& metadata = file.header().metadata;
  ApcShard shard;
  shard.layout = apc_layout(file.header()).value_or("");
  shard.token_major = shard.layout == "token_major_v2";
  if (!shard.token_major && shard.layout != "layer_major_v1" && shard.layout != "layer_major_v2")
    unreadable(fmt::format("layout '{}' of a shard is not known here", printable(shard.layout)), "KV123");
  shard.layers = metadata_number(metadata, "num_layers");
  shard.block_size = metadata_number(metadata, "block_size");
  if (shard.layers < 1 || shard.layers > 65536 || shard.block_size < 1 || shard.block_size > max_dim)
    unreadable(fmt::format("{} layers and blocks of {} tokens", shard.layers, shard.block_size));
  const std::vector<std::int64_t> hashes = list<std::int64_t>(metadata, "block_hashes");
  if (hashes.empty() || hashes.size() > most_blocks) unreadable(fmt::format("{} blocks", hashes.size()));
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    shard.blocks.push_back(read_block(metadata, i, hashes[i]));
    if (static_cast<std::int64_t>(shard.blocks.back().ids.size()) != shard.block_size) shard.blocks.back().rule.reset();
  }
  shard.file = std::move(file);
  return shard;
}

ApcExact read_apc_exact(SafetensorsFile file) {
  const Metadata& metadata = file.header().metadata;
  ApcExact exact;
  const std::string layout = apc_layout(file.header()).value_or("");
  if (layout != "exact_cache_v1")
    unreadable(fmt::format("layout '{}' of a whole cache is not known here", printable(layout)), "KV123");
  exact.cache_hash = metadata_number(metadata, "cache_hash");
  exact.extra = metadata_number(metadata, "extra_hash");
  exact.ids = list<std::int32_t>(metadata, "token_ids");
  if (std::ranges::any_of(exact.ids, [](std::int32_t id) { return id < 0; })) unreadable("a token id is negative");
  const std::int64_t entries = metadata_number(metadata, "num_entries");
  if (entries < 1 || static_cast<std::uint64_t>(entries) > metadata.size()) unreadable(fmt::format("{} caches", entries));
  exact.entries = static_cast<std::size_t>(entries);
  // The server's default first, then what else people set.
  for (const std::uint32_t size : {16U, 32U, 64U, 128U, 256U, 8U, 512U, 1024U, 2048U, 4096U, 1U, 2U, 4U}) {
    if (apc_exact_hash(exact.extra, size, exact.ids) != exact.cache_hash) continue;
    exact.block_size = size;
    break;
  }
  exact.file = std::move(file);
  return exact;
}

std::vector<std::unique_ptr<Cache>> ApcExact::layers(std::size_t* tuples) const {
  EntryReader reader(file);
  std::vector<std::unique_ptr<Cache>> out;
  for (std::size_t i = 0; i < entries; ++i) out.push_back(reader.read(fmt::format("c{}", i), fmt::format("layer {}", i)));
  if (tuples != nullptr) *tuples = reader.tuples();
  return out;
}

}  // namespace kvcache::foreign
