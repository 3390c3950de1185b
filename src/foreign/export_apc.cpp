// To mlx-vlm's automatic prefix cache: a whole cache, exact_<hash>.safetensors.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "foreign/apc_hash.h"
#include "foreign/apc_store.h"
#include "foreign/export.h"
#include "foreign/header_fields.h"
#include "foreign/known_ids.h"
#include "foreign/row_tools.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t usual_apc_block = 16;

/// Entries under their prefixes: "c3", and members of lists "c3_e0".
class Writer {
 public:
  std::vector<NamedTensor> tensors;
  Metadata metadata;

  void add(const Cache& cache, const std::string& prefix, const std::string& place, std::int64_t tokens) {
    visit(cache, PerClass{[&](const KVCache& plain) { add_plain(plain, prefix, place, tokens); },
                          [&](const RotatingKVCache& ring) { add_window(ring, prefix, place, tokens); },
                          [&](const ChunkedKVCache& chunked) { add_chunked(chunked, prefix, place, tokens); },
                          [&](const ArraysCache& slots) { arrays(slots, prefix, place); },
                          [&](const CacheList& list) {
                            metadata[prefix + "_kind"] = "cache_list";
                            number(prefix + "_size", static_cast<std::int64_t>(list.children().size()));
                            for (std::size_t i = 0; i < list.children().size(); ++i)
                              add(*list.children()[i], fmt::format("{}_e{}", prefix, i), fmt::format("{} child {}", place, i),
                                  tokens);
                          },
                          [&](const OneOf<QuantizedKVCache, BatchKVCache, BatchRotatingKVCache, TurboQuantKVCache,
                                          VarianceNormalizedKVCache, OpaqueCache> auto& other) {
                            refuse(place, fmt::format("mlx-vlm's files have no place for a {}", other.class_name()));
                          }});
  }

 private:
  [[noreturn]] static void refuse(const std::string& place, const std::string& why) {
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", place, why));
  }
  void number(const std::string& key, std::int64_t value) { metadata[key] = std::to_string(value); }

  void add_plain(const KVCache& plain, const std::string& prefix, const std::string& place, std::int64_t tokens) {
    metadata[prefix + "_kind"] = "kv";
    metadata[prefix + "_step"] = "256";
    number(prefix + "_offset", plain.size());
    if (plain.empty())
      metadata[prefix + "_empty"] = "1";
    else
      rows(prefix, plain.state().keys, plain.state().values, place, plain.size(), tokens);
  }

  void add_window(const RotatingKVCache& ring, const std::string& prefix, const std::string& place, std::int64_t tokens) {
    const RotatingKVCache::State& state = ring.state();
    if (ring.empty() || state.is_short()) refuse(place, "a window that mlx-vlm could not go on with");
    metadata[prefix + "_kind"] = "rotating_kv";
    number(prefix + "_keep", state.keep);
    number(prefix + "_max_size", state.max_size);
    number(prefix + "_offset", state.offset);
    number(prefix + "_idx", state.idx);
    rows(prefix, state.keys, state.values, place, state.offset, tokens);
  }

  void add_chunked(const ChunkedKVCache& chunked, const std::string& prefix, const std::string& place, std::int64_t tokens) {
    if (chunked.empty()) refuse(place, "a chunked layer that was never used");
    const ChunkedKVCache::State state = chunked.valid();
    if (state.has_no_chunk_size()) refuse(place, "its chunk size is not known");
    metadata[prefix + "_kind"] = "chunked_kv";
    number(prefix + "_chunk_size", *state.chunk_size);
    number(prefix + "_offset", chunked.offset());
    number(prefix + "_start_position", state.start_position);
    rows(prefix, state.keys, state.values, place, chunked.offset(), tokens);
  }

  void rows(const std::string& prefix, const Tensor& keys, const Tensor& values, const std::string& place, std::int64_t offset,
            std::int64_t tokens) {
    if (offset != tokens) refuse(place, fmt::format("it holds {} tokens, and the ids are {}", offset, tokens));
    if (keys.dim(0) != 1) refuse(place, fmt::format("a batch of {}: one prompt at a time", keys.dim(0)));
    tensors.push_back({prefix + "_k", keys});
    tensors.push_back({prefix + "_v", values});
  }

  void arrays(const ArraysCache& cache, const std::string& prefix, const std::string& place) {
    const ArraysCache::State& state = cache.state();
    if (state.left_padding || state.lengths)
      refuse(place, "mlx-vlm writes left paddings and lengths of recurrent layers, but cannot read such a file");
    metadata[prefix + "_kind"] = "arrays";
    number(prefix + "_size", static_cast<std::int64_t>(state.slots.size()));
    for (std::size_t j = 0; j < state.slots.size(); ++j) {
      const std::string key = fmt::format("{}_s{}", prefix, j);
      if (!state.slots[j].defined()) {
        metadata[key + "_none"] = "1";
        continue;
      }
      if (!is_float(state.slots[j].dtype()))
        refuse(place, fmt::format("slot {} is {}, which mlx-vlm cannot read", j, name(state.slots[j].dtype())));
      tensors.push_back({key, state.slots[j]});
    }
  }
};

/// Of a prompt with images, as mlx-vlm itself has told them apart; 0: there are none.
std::int64_t images_of(const PromptCache& cache) {
  const auto found = cache.metadata.find(std::string(apc_images_key));
  if (found == cache.metadata.end()) return 0;
  const auto value = whole_number<std::int64_t>(found->second);
  if (!value)
    throw Error(ErrorKind::impossible,
                fmt::format("metadata '{}' is no hash: '{}'", apc_images_key, printable(found->second, 40)));
  return *value;
}

/// What the server will delete.
std::size_t others_in(const std::string& folder) {
  const std::vector<std::string> files = files_in(folder);
  return static_cast<std::size_t>(std::ranges::count_if(
      files, [](const std::string& name) { return name.ends_with(".safetensors") && apc_name(name) == ApcName::other; }));
}

}  // namespace

Exported export_apc(const ExportRequest& request) {
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  if (tokens == 0) throw Error(ErrorKind::usage, "a cache of no tokens");
  Writer writer;
  for (std::size_t i = 0; i < request.cache->layers.size(); ++i)
    writer.add(*request.cache->layers[i], fmt::format("c{}", i), fmt::format("layer {}", i), tokens);
  const std::int64_t block_size = request.block_size > 0 ? request.block_size : usual_apc_block;
  const std::int64_t extra = images_of(*request.cache);
  const std::int64_t hash = apc_exact_hash(extra, static_cast<std::uint32_t>(block_size), request.ids);
  const std::string stem = apc_exact_stem(hash);
  std::string ids;
  for (const std::int32_t id : request.ids) ids += (ids.empty() ? "" : ",") + std::to_string(id);
  writer.metadata["layout"] = "exact_cache_v1";
  writer.metadata["cache_hash"] = std::to_string(hash);
  writer.metadata["extra_hash"] = std::to_string(extra);
  writer.metadata["token_ids"] = std::move(ids);
  writer.metadata["num_entries"] = std::to_string(request.cache->layers.size());
  writer.metadata["store_id"] = stem;

  Exported out;
  out.tokens = tokens;
  std::error_code error;
  fs::create_directories(request.folder, error);
  if (error) throw Error(ErrorKind::io, fmt::format("{} cannot be made: {}", printable(request.folder, 500), error.message()));
  out.path = request.folder + "/" + stem + ".safetensors";
  WriteOptions how;
  how.overwrite = true;  // the same prompt: its name is made of the ids
  out.bytes = write_safetensors(out.path, writer.tensors, writer.metadata, how);
  out.notes.push_back(
      fmt::format("for prompts of more than {} tokens: mlx-vlm uses only a cache that is shorter than the prompt", tokens));
  const std::size_t others = others_in(request.folder);
  if (others > 0)
    out.notes.push_back(fmt::format(
        "{} in {} {} not mlx-vlm's: it deletes every other .safetensors of its folder when it starts",
        others == 1 ? "1 file" : fmt::format("{} files", others), printable(request.folder, 500), others == 1 ? "is" : "are"));
  const std::string name = fs::path(request.folder).lexically_normal().filename().string();
  if (name.find("_s1-") == std::string::npos)
    out.notes.emplace_back(
        "the folder is to be the server's own one of this model, whose name ends in _s1- and 8 hex digits: it looks into no "
        "other");
  return out;
}

}  // namespace kvcache::foreign
