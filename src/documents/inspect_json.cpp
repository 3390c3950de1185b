#include "documents/inspect_json.h"

#include "documents/hint.h"
#include "documents/loads_in_json.h"
#include "documents/overview.h"
#include "documents/stats_json.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"

namespace kvcache::documents {
namespace {

Json layer_json(const Facts& facts) {
  Json out = {{"class", facts.class_name},
              {"tokens", json_of(facts.tokens)},
              {"rows", json_of(facts.rows)},
              {"batch", json_of(facts.batch)},
              {"kv_heads", json_of(facts.kv_heads)},
              {"key_dim", json_of(facts.key_dim)},
              {"value_dim", json_of(facts.value_dim)},
              {"dtype", facts.dtype ? Json(name(*facts.dtype)) : Json(nullptr)},
              {"bytes", facts.bytes},
              {"padding_bytes", facts.padding_bytes},
              {"trimmable", facts.trimmable},
              {"empty", facts.empty},
              {"keep", json_of(facts.keep)},
              {"max_size", json_of(facts.max_size)},
              {"idx", json_of(facts.idx)},
              {"wrapped", json_of(facts.wrapped)},
              {"bits", json_of(facts.bits)},
              {"group_size", json_of(facts.group_size)},
              {"chunk_size", json_of(facts.chunk_size)},
              {"start_position", json_of(facts.start_position)},
              {"left_padding", json_of(facts.left_padding)},
              {"offsets", json_of(facts.offsets)},
              {"lengths", json_of(facts.lengths)}};
  Json children = Json::array();
  for (const Facts& child : facts.children) children.push_back(layer_json(child));
  out["children"] = std::move(children);
  return out;
}

Json arrays_json(const Document& document, std::size_t layer) {
  Json out = Json::array();
  for (const std::size_t index : document.sources[layer].arrays) {
    const TensorEntry& entry = document.file.header().tensors[index];
    out.push_back(
        {{"key", entry.key}, {"dtype", name(entry.dtype)}, {"shape", entry.shape}, {"begin", entry.begin}, {"end", entry.end}});
  }
  return out;
}

/// What the file says about itself; null without a stamp, and for one that cannot be read (KV801).
Json stamp_json(const PromptCache& cache) {
  try {
    const std::optional<Stamp> stamp = find_stamp(cache);
    return stamp ? Json::parse(to_json(*stamp)) : Json(nullptr);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
    return nullptr;
  }
}

}  // namespace

Json inspect_json(const Document& document, const CacheStats* stats) {
  const Overview overview = overview_of(document);
  const Findings found = check(document);
  std::vector<std::string> candidates;
  // In the order in which they are preferred, the oldest of each runtime first.
  for (const Family family : {Family::mlx_lm, Family::mlxrs, Family::mlx_swift_lm})
    for (const Dialect& d : dialects())
      if (d.family == family && document.candidates.has(d.era)) candidates.emplace_back(d.id);
  Json notes = Json::array();
  for (const UsageNote& note : usage_notes(document, found)) notes.push_back(sentence_of(note, document.file.path()));
  Json layers = Json::array();
  for (std::size_t i = 0; i < overview.layers.size(); ++i) {
    Json layer = {{"index", i}};
    layer.update(layer_json(overview.layers[i]));
    layer["arrays"] = arrays_json(document, i);
    if (stats != nullptr) layer["stats"] = stats_json(stats->layers[i]);
    layers.push_back(std::move(layer));
  }
  return {{"schema", "kvcache.inspect/1"},
          {"path", document.file.path()},
          {"file_bytes", document.file.disk_bytes()},
          {"gzip", document.file.gzip()},
          {"format", document.format == nullptr ? Json(nullptr) : Json(document.format->id)},
          {"format_candidates", std::move(candidates)},
          {"metadata", document.cache.metadata},
          {"totals",
           {{"layers", overview.layers.size()},
            {"tokens", overview.tokens},
            {"bytes", overview.bytes},
            {"bytes_per_token", json_of(overview.bytes_per_token())},
            {"trimmable", overview.trimmable},
            {"padding_bytes", overview.padding_bytes}}},
          {"loads_in", loads_in_json(loads_in(document, found), document.file.path())},
          {"stamp", stamp_json(document.cache)},
          {"notes", std::move(notes)},
          {"layers", std::move(layers)}};  // last: there may be hundreds of lines of them
}

}  // namespace kvcache::documents
