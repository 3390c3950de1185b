// To the prefix-cache folders of vllm-mlx and Rapid-MLX: entry_N.safetensors, its token ids, and a line in index.json.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "foreign/export.h"
#include "foreign/little_endian.h"
#include "foreign/small_file.h"
#include "kvcache/byte_sink.h"
#include "kvcache/caches.h"
#include "kvcache/document.h"
#include "kvcache/encode.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/safetensors.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

constexpr std::int64_t vllm_version = 4;
constexpr std::int64_t rapid_version = 3;
constexpr Era usual_era = Era::P3;

/// A file that is not there yet.
void write_new(const std::string& path, std::string_view text) {
  const std::unique_ptr<ByteSink> sink = file_sink(path);
  sink->reserve(text.size());
  sink->write_at(0, std::as_bytes(std::span(text.data(), text.size())));
  sink->commit();
}

/// The folder's index, or a new one where there is none.
OrderedJson read_index(const std::string& path, std::int64_t version) {
  if (std::error_code error; !fs::exists(path, error)) return OrderedJson::object();
  OrderedJson index = OrderedJson::parse(read_small_file(path), nullptr, false);
  if (!index.is_object() || !index.contains("entries") || !index["entries"].is_array())
    throw Error(ErrorKind::unreadable, fmt::format("{} is no index of a prefix cache", printable(path, 500)),
                "export into an empty folder");
  if (!index.contains("version") || index["version"] != version)
    throw Error(ErrorKind::impossible, fmt::format("{} is of another version than {}", printable(path, 500), version),
                "export into an empty folder");
  return index;
}

std::int64_t next_index(const OrderedJson& index, const std::string& folder) {
  std::int64_t next = 0;
  if (index.contains("entries"))
    for (const OrderedJson& entry : index["entries"])
      if (entry.is_object() && entry.contains("index") && entry["index"].is_number_integer())
        next = std::max(next, entry["index"].get<std::int64_t>() + 1);
  // A file that no index lists is somebody's all the same.
  std::error_code error;
  while (fs::exists(fmt::format("{}/entry_{}.safetensors", folder, next), error)) ++next;
  return next;
}

/// What the server's loader asks of an entry: the first layer that counts tokens holds them all, or all but the last.
void check_tokens(const ExportRequest& request, bool all_but_last) {
  if (request.ids.empty()) throw Error(ErrorKind::usage, "a cache of no tokens");
  const auto ids = static_cast<std::int64_t>(request.ids.size());
  for (std::size_t i = 0; i < request.cache->layers.size(); ++i) {
    const Facts facts = request.cache->layers[i]->facts();
    if (facts.batch && *facts.batch > 1)
      throw Error(ErrorKind::impossible, fmt::format("layer {}: a batch of {}: one prompt at a time", i, *facts.batch),
                  Remedy(Remedy::Action::extract, {{"index", "0"}}));
    if (!facts.tokens || facts.empty) continue;
    if (*facts.tokens != ids && !(all_but_last && *facts.tokens == ids - 1))
      throw Error(ErrorKind::impossible,
                  fmt::format("layer {}: it holds {} tokens, and the ids are {}", i, *facts.tokens, ids));
  }
}

std::uint64_t bytes_of(const PromptCache& cache) {
  std::uint64_t bytes = 0;
  for (const auto& layer : cache.layers) bytes += layer->nbytes();
  return bytes;
}

/// The era of mlx-lm that the server saves in, as an entry that it has saved shows; without one, that of most servers.
Era era_of(const OrderedJson& index, const std::string& folder) {
  if (!index.contains("entries")) return usual_era;
  std::size_t left = 64;  // all of one server: the first that tells is enough, and most do not
  for (const OrderedJson& entry : index["entries"]) {
    if (left-- == 0) break;
    if (!entry.is_object() || !entry.contains("index") || !entry["index"].is_number_integer()) continue;
    try {
      const Document document =
          read_document(fmt::format("{}/entry_{}.safetensors", folder, entry["index"].get<std::int64_t>()));
      if (document.candidates.has(usual_era)) continue;
      if (document.format != nullptr && document.format->family == Family::mlx_lm && document.format->writable)
        return document.format->era;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }
  return usual_era;
}

/// The cache with nothing but what the server itself stores beside it.
Encoded encoded_entry(const ExportRequest& request, Era era) {
  PromptCache cache = request.cache->copy();
  cache.metadata.clear();
  cache.metadata["num_tokens"] = std::to_string(request.ids.size());
  return encode(cache, era);
}

struct ExportedEntry {
  std::int64_t index = 0;
  std::string path;
  std::uint64_t bytes = 0;
};

ExportedEntry write_entry(const ExportRequest& request, const OrderedJson& index, const std::string& token_bytes) {
  std::error_code error;
  fs::create_directories(request.folder, error);
  if (error) throw Error(ErrorKind::io, fmt::format("{} cannot be made: {}", printable(request.folder, 500), error.message()));
  ExportedEntry entry;
  entry.index = next_index(index, request.folder);
  entry.path = fmt::format("{}/entry_{}.safetensors", request.folder, entry.index);
  const Encoded encoded = encoded_entry(request, era_of(index, request.folder));
  entry.bytes = write_safetensors(entry.path, encoded.tensors, encoded.metadata);
  try {
    write_new(fmt::format("{}/entry_{}_tokens.bin", request.folder, entry.index), token_bytes);
  } catch (...) {
    fs::remove(entry.path, error);
    throw;
  }
  return entry;
}

void forget_entry(const ExportRequest& request, const ExportedEntry& entry) noexcept {
  std::error_code ignored;
  fs::remove(entry.path, ignored);
  fs::remove(fmt::format("{}/entry_{}_tokens.bin", request.folder, entry.index), ignored);
}

/// The index with one more entry, in place of the one before: last, so that it never lists what is not there.
void list_entry(OrderedJson& index, const ExportRequest& request, const ExportedEntry& entry, OrderedJson line) {
  try {
    index["entries"].push_back(std::move(line));
    index["num_entries"] = index["entries"].size();
    std::uint64_t total = bytes_of(*request.cache);
    if (index.contains("total_memory_bytes") && index["total_memory_bytes"].is_number_unsigned())
      total += index["total_memory_bytes"].get<std::uint64_t>();
    index["total_memory_bytes"] = total;
    write_small_file(request.folder + "/index.json", index.dump(2, ' ', true, OrderedJson::error_handler_t::replace));
  } catch (...) {
    forget_entry(request, entry);
    throw;
  }
}

/// As Python writes a value of a config into a text.
std::string python_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.dump();
}

std::string new_uuid() {
  std::random_device device;
  std::string out;
  while (out.size() < 32) out += fmt::format("{:08x}", device());
  return out.substr(0, 32);
}

}  // namespace

std::string vllm_mlx_fingerprint(std::string_view config_json) {
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, false);
  if (!config.is_object()) throw Error(ErrorKind::unreadable, "config.json is no JSON object");
  std::string text;
  for (const char* key : {"num_hidden_layers", "hidden_size", "vocab_size", "num_key_value_heads", "head_dim",
                          "intermediate_size", "model_type"}) {
    const auto it = config.find(key);
    if (it == config.end() || it->is_null()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : "|", key, python_text(*it));
  }
  return text.empty() ? std::string() : sha256(text).substr(0, 16);
}

std::string vllm_mlx_fingerprint_of(const std::string& model) {
  std::error_code unknown;
  return vllm_mlx_fingerprint(read_small_file(fs::is_directory(model, unknown) ? model + "/config.json" : model));
}

Exported export_vllm_mlx(const ExportRequest& request) {
  check_tokens(request, true);
  OrderedJson index = read_index(request.folder + "/index.json", vllm_version);
  const std::string fingerprint = request.model_folder.empty() ? std::string() : vllm_mlx_fingerprint_of(request.model_folder);
  if (index.contains("model_fingerprint") && index["model_fingerprint"].is_string()) {
    const auto theirs = index["model_fingerprint"].get<std::string>();
    if (!fingerprint.empty() && !theirs.empty() && theirs != fingerprint)
      throw Error(ErrorKind::impossible, fmt::format("the folder is of the model {}, and {} is {}", printable(theirs),
                                                     printable(request.model_folder, 500), fingerprint));
  } else if (index.empty() && fingerprint.empty()) {
    throw Error(ErrorKind::usage, "a new folder names the model by a digest of its config.json",
                Remedy(Remedy::Action::repeat, {{"model", "DIR"}}));
  }
  if (index.empty())
    index = {{"version", vllm_version},
             {"model_fingerprint", fingerprint},
             {"num_entries", 0},
             {"total_memory_bytes", 0},
             {"entries", OrderedJson::array()}};
  const ExportedEntry entry = write_entry(request, index, ids_le<std::int32_t>(request.ids));
  list_entry(index, request, entry,
             {{"index", entry.index}, {"num_tokens", request.ids.size()}, {"memory_bytes", bytes_of(*request.cache)}});
  Exported out{entry.path, entry.bytes, static_cast<std::int64_t>(request.ids.size()), {}};
  if (request.ids.size() < 128)
    out.notes.push_back(
        fmt::format("{} tokens: vllm-mlx passes over entries of fewer than 128 unless told otherwise", request.ids.size()));
  out.notes.emplace_back(
      "vllm-mlx reads the folder when it starts, and writes it anew when it ends: export while it is stopped");
  return out;
}

Exported export_rapid_mlx(const ExportRequest& request) {
  // Its loader compares the first layer's offset alone, and wants it to be the number of tokens.
  check_tokens(request, false);
  OrderedJson index = read_index(request.folder + "/index.json", rapid_version);
  if (index.empty())
    index = {{"version", rapid_version},
             {"save_uuid", new_uuid()},
             {"num_entries", 0},
             {"total_memory_bytes", 0},
             {"entries", OrderedJson::array()}};
  if (!index.contains("save_uuid") || !index["save_uuid"].is_string())
    throw Error(ErrorKind::unreadable, "index.json has no save_uuid", "export into an empty folder");
  const auto uuid = index["save_uuid"].get<std::string>();
  if (uuid.size() > 64) throw Error(ErrorKind::unreadable, "index.json: save_uuid is too long");
  std::string tokens = "RMTKBIN1";
  append_le(tokens, static_cast<std::uint32_t>(request.ids.size()));
  append_le(tokens, static_cast<std::uint32_t>(uuid.size()));
  tokens += uuid + ids_le<std::int32_t>(request.ids);
  OrderedJson types = OrderedJson::array();
  for (const auto& layer : request.cache->layers) types.push_back(std::string(layer->class_name()));
  const ExportedEntry entry = write_entry(request, index, tokens);
  list_entry(index, request, entry,
             {{"index", entry.index},
              {"num_tokens", request.ids.size()},
              {"memory_bytes", bytes_of(*request.cache)},
              {"cache_types", std::move(types)},
              {"message_boundary", false},
              {"message_boundary_sequence", 0}});
  // A shortcut into the list that was: the server makes it anew.
  std::error_code ignored;
  fs::remove(request.folder + "/radix.index", ignored);
  Exported out{entry.path, entry.bytes, static_cast<std::int64_t>(request.ids.size()), {}};
  out.notes.emplace_back(
      "Rapid-MLX reads the folder when it starts, and swaps it for a new one when it saves: export while it is stopped");
  return out;
}

}  // namespace kvcache::foreign
