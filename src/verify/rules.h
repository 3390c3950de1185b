// Where rules look, and what they are about: what one class is allowed to be stands in src/cache/invariants, and here what is
// about the file, its loaders and several layers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cache/kv_arrays.h"
#include "common/codes.h"
#include "kvcache/caches.h"
#include "kvcache/format.h"
#include "kvcache/remedy.h"

namespace kvcache::detail {

/// What keeps a loader from a file before it reads a byte (can_open.cpp): nothing reads gzip, and mlx-lm and Swift go by a name
/// that ends in ".safetensors". Nothing where the file has no name, as standard input.
[[nodiscard]] std::optional<std::string> cannot_open(const Document& document, Family loader);
/// What to run then.
[[nodiscard]] std::string how_to_open(const Document& document);

/// Names the tensors of a layer by where their bytes are, which survives slicing off rows at the end. Only the layer's own
/// arrays are looked at, so that one that shares bytes with another layer's keeps its name.
class LayerKeys {
 public:
  /// Both must outlive it. Nothing is looked up before it is asked: most layers have nothing to report.
  LayerKeys(const Document& document, const LayerSource& source) : document_(document), source_(source) {}
  /// Key of the array that the first byte of `tensor` comes from; empty for tensors without bytes.
  [[nodiscard]] std::string of(const Tensor& tensor);

 private:
  const Document& document_;
  const LayerSource& source_;
  std::unique_ptr<std::map<std::uint64_t, std::string_view>> by_offset_;  ///< nothing before it is asked
};

/// One cache of a document: a layer, or a child of a CacheList, which is checked like a layer.
struct Place {
  const Document* document = nullptr;
  const LayerSource* source = nullptr;  ///< of the layer, for children too
  const Cache* cache = nullptr;
  std::size_t layer = 0;
  Where where;
  bool is_child = false;
  std::shared_ptr<LayerKeys> keys = {};  ///< of the layer, shared by its children
  bool sound = true;                     ///< decoding found no error here: other rules may rely on ranks, dtypes and sizes

  template <typename Class>
  [[nodiscard]] const Class* as() const {
    return kvcache::as<Class>(*cache);
  }
};

/// All caches of a document, lists before their children.
[[nodiscard]] std::vector<Place> places(const Document& document);

/// A class is missing (KV203 at "2.i", or "1.i" in files of mlx-lm@0.32): which layer the next one is, nobody can tell, so that
/// no rule about layers applies.
[[nodiscard]] bool has_class_gap(const Findings& findings);

/// Whether a layer has metadata: a key "0.i" or "0.i.…".
[[nodiscard]] bool has_section_0(const Header& header, std::size_t layer);
/// Layers up to the last one with metadata.
[[nodiscard]] std::size_t layers_with_meta(const Document& document);

/// Where errors were found, as in Finding::where.
[[nodiscard]] std::set<Where> places_with_errors(const Findings& findings);

/// Key of the first array of a cache, which stands for the cache in findings.
[[nodiscard]] std::string first_key(const Place& place);

/// Whether a loader of mlx-lm returns an empty list of caches for this file, without an error: a file of 0.32 without user
/// metadata, which releases before 0.32 read so, or one layer of an era before without user metadata, which 0.32 does.
[[nodiscard]] bool loads_as_nothing(const Document& document);
/// Why a file of mlx-lm@0.32 is not restored by the loader of an era, its own included, or one of another era by that of
/// mlx-lm@0.32.
[[nodiscard]] std::optional<std::string> leaf_table_refusal(const Document& document, Era era);

/// KV4xx: the invariants of its class that a place breaks.
void check_class(const Place& place, Findings& findings);

/// Tokens of a single-sequence class that counts every one, or nothing: chunked layers do not store theirs, but before the
/// first chunk is dropped all loaders take the rows for it.
[[nodiscard]] std::optional<std::int64_t> token_offset(const Place& place);

/// KV501 and KV502, over the places that are sound.
void check_across_layers(const std::vector<Place>& places, Findings& findings);
/// KV7xx that are about single classes (KV701, KV702, KV704, KV705, KV709, KV713, KV714).
void check_portability(const std::vector<Place>& places, Findings& findings);
/// KV7xx that are about the whole file (KV706, KV707, KV708, KV710, KV715).
void check_file_portability(const Document& document, Findings& findings);

}  // namespace kvcache::detail
