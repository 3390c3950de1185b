#include "foreign/mlxpc_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "cache/axes.h"
#include "foreign/header_fields.h"
#include "foreign/names.h"
#include "foreign/small_file.h"
#include "foreign/unreadable.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

using kvcache::detail::row_axis;

namespace fs = std::filesystem;
using Json = nlohmann::json;

const Json& member(const Json& object, const char* name, Json::value_t type) {
  const auto it = object.find(name);
  if (it == object.end() || it->type() != type) unreadable(fmt::format("index.json has no {}", name));
  return *it;
}

std::string text(const Json& object, const char* name) {
  return member(object, name, Json::value_t::string).get<std::string>();
}

std::int64_t integer(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_number_integer()) unreadable(fmt::format("index.json has no number {}", name));
  return it->get<std::int64_t>();
}

/// A value of the signature as Swift writes it into a text.
std::string word(const Json& object, const char* name, const char* otherwise) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return otherwise;
  if (it->is_string()) return it->get<std::string>();
  if (it->is_number_integer()) return std::to_string(it->get<std::int64_t>());
  unreadable(fmt::format("index.json: {} is neither text nor number", name));
}

void expect_file_name(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    unreadable(fmt::format("index.json: '{}' is no name of a file in its folder", printable(name)));
}

/// Attention: a file of what came since has rows of its own tokens alone.
bool has_rows(const Cache& cache) {
  return is<KVCache>(cache);
}

}  // namespace

bool is_mlxpc_index(std::string_view json) {
  const Json index = Json::parse(json, nullptr, false);
  if (!index.is_object()) return false;
  const auto header = index.find("header");
  return header != index.end() && header->is_object() && header->contains("signature") && index.contains("byHash");
}

MlxpcIndex read_mlxpc_index(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) unreadable("index.json is no JSON object");
  const Json& header = member(document, "header", Json::value_t::object);
  const Json& signature = member(header, "signature", Json::value_t::object);
  MlxpcIndex index;
  const auto layout = header.find("indexLayout");
  index.has_layout = layout != header.end() && !layout->is_null();
  if (index.has_layout && integer(header, "indexLayout") != known_mlxpc_layout)
    unreadable(fmt::format("layout {} of mlx-prompt-cache is not known here", integer(header, "indexLayout")), "KV123");
  index.model = text(signature, "modelId");
  index.signature = fmt::format("{}|{}|{}|{}", index.model, text(signature, "kvDType"), word(signature, "kvBits", "-"),
                                word(signature, "buildVersion", ""));
  index.block_size = integer(header, "blockSize");
  if (index.block_size < 1 || index.block_size > max_dim)
    unreadable(fmt::format("index.json: blocks of {} tokens", index.block_size));
  for (const auto& [hash, boundary] : member(document, "byHash", Json::value_t::object).items()) {
    MlxpcIndex::Boundary entry{text(boundary, "fileName"), integer(boundary, "tokenCount")};
    expect_file_name(entry.file);
    index.by_hash.emplace(hash, std::move(entry));
  }
  for (const auto& [name, file] : member(document, "files", Json::value_t::object).items()) {
    expect_file_name(name);
    MlxpcIndex::File entry;
    entry.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer(file, "byteSize")));
    entry.last_access = integer(file, "lastAccess");
    for (const Json& hash : member(file, "ownedBoundaries", Json::value_t::array))
      if (hash.is_string()) entry.boundaries.push_back(hash.get<std::string>());
    index.files.emplace(name, std::move(entry));
  }
  return index;
}

std::optional<MlxpcDelta> mlxpc_delta(const Metadata& user) {
  const std::string* text = find_metadata(user, "mlxpc.delta");
  if (text == nullptr) return std::nullopt;
  const std::size_t comma = text->find(',');
  const std::string_view behind = comma == std::string::npos ? std::string_view() : std::string_view(*text).substr(comma + 1);
  const std::int64_t from = whole_number<std::int64_t>(std::string_view(*text).substr(0, comma)).value_or(-1);
  const std::int64_t to = whole_number<std::int64_t>(behind).value_or(-1);
  if (from < 0 || to < from) unreadable(fmt::format("mlxpc.delta is '{}'", printable(*text)));
  return MlxpcDelta{from, to};
}

MlxpcStore::MlxpcStore(std::string path_of_folder)
    : folder(std::move(path_of_folder)), index(read_mlxpc_index(read_small_file(folder + "/index.json"))) {}

Document MlxpcStore::open(const std::string& file) const {
  Document document = read_document(folder + "/" + file);
  const std::string* signature = find_metadata(document.cache.metadata, "mlxpc.signature");
  if (signature == nullptr || *signature != index.signature)
    unreadable(fmt::format("{} is of '{}', and the folder of '{}'", printable(file),
                           signature == nullptr ? "" : printable(*signature), printable(index.signature)));
  return document;
}

// From the last file back to one that begins at token 0: each is of what came since the one before.
std::optional<std::vector<std::string>> MlxpcStore::chain_to(const std::vector<std::string>& hashes, std::size_t blocks,
                                                             std::string& why) const {
  std::vector<std::string> files;
  for (std::size_t at = blocks; at > 0;) {
    const MlxpcIndex::Boundary& boundary = index.by_hash.find(hashes[at - 1])->second;
    try {
      const Document document = open(boundary.file);
      const std::optional<MlxpcDelta> delta = mlxpc_delta(document.cache.metadata);
      const std::int64_t end = static_cast<std::int64_t>(at) * index.block_size;
      const std::int64_t to = delta ? delta->to : token_count(document.cache);
      const bool sliceable = std::ranges::all_of(document.cache.layers, [](const auto& layer) { return layer->trimmable(); });
      if (to < end || (to > end && !sliceable)) {
        why = fmt::format("{} holds {} tokens and cannot go back to {}", printable(boundary.file), to, end);
        return std::nullopt;
      }
      files.push_back(boundary.file);
      if (!delta || delta->from == 0) {
        std::ranges::reverse(files);
        return files;
      }
      if (delta->from % index.block_size != 0 || delta->from >= end) {
        why = fmt::format("{} begins at token {}, which is no boundary", printable(boundary.file), delta->from);
        return std::nullopt;
      }
      at = static_cast<std::size_t>(delta->from / index.block_size);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      std::error_code gone;
      why = fs::exists(folder + "/" + boundary.file, gone)
                ? fmt::format("{}: {}", printable(boundary.file), error.what())
                : fmt::format("{} is in the index but not in the folder", printable(boundary.file));
      return std::nullopt;
    }
  }
  return std::nullopt;
}

MlxpcStore::Match MlxpcStore::match(std::span<const std::int32_t> ids) const {
  Match match;
  std::vector<std::string> hashes;
  const auto size = static_cast<std::size_t>(index.block_size);
  for (std::string parent; (hashes.size() + 1) * size <= ids.size();) {
    parent = mlxpc_block_hash(index.signature, parent, ids.subspan(hashes.size() * size, size));
    if (!index.by_hash.contains(parent)) break;
    hashes.push_back(parent);
  }
  match.known = static_cast<std::int64_t>(hashes.size()) * index.block_size;
  for (std::size_t blocks = hashes.size(); blocks > 0; --blocks) {
    std::string why;
    if (std::optional<std::vector<std::string>> files = chain_to(hashes, blocks, why)) {
      match.files = *std::move(files);
      match.tokens = static_cast<std::int64_t>(blocks) * index.block_size;
      break;
    }
    if (match.stopped.empty()) match.stopped = std::move(why);
  }
  return match;
}

PromptCache MlxpcStore::restore(const Match& match) const {
  if (match.files.empty()) throw Error(ErrorKind::impossible, "no block of these tokens is here");
  std::vector<Document> documents;
  for (const std::string& file : match.files) documents.push_back(open(file));
  PromptCache out = documents.back().cache.copy();
  for (std::size_t layer = 0; layer < out.layers.size() && documents.size() > 1; ++layer) {
    if (!has_rows(*out.layers[layer])) continue;  // recurrent state: that of the last file
    KVCache::State joined;
    std::vector<Tensor> keys;
    std::vector<Tensor> values;
    for (const Document& document : documents) {
      const auto* part = layer < document.cache.layers.size() ? as<KVCache>(*document.cache.layers[layer]) : nullptr;
      if (part == nullptr || part->empty())
        unreadable(fmt::format("layer {}: {} has no keys and values for it", layer, printable(document.file.path(), 500)));
      keys.push_back(part->state().keys);
      values.push_back(part->state().values);
      joined.alias = part->state().alias;
      if (keys.back().dtype() != keys.front().dtype() || keys.back().dim(1) != keys.front().dim(1))
        unreadable(fmt::format("layer {}: {} is of another shape than the files before it", layer,
                               printable(document.file.path(), 500)));
    }
    joined.keys = concatenate(keys, row_axis);
    joined.values = concatenate(values, row_axis);
    out.layers[layer] = std::make_unique<KVCache>(std::move(joined));
  }
  const std::int64_t tokens = token_count(out);
  if (tokens < match.tokens) unreadable(fmt::format("the files hold {} tokens, not {}", tokens, match.tokens));
  if (tokens > match.tokens) trim_prompt_cache_to(out, match.tokens);
  return out;
}

}  // namespace kvcache::foreign
