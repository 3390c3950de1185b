// A prompt-cache file, decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/dialect.h"
#include "kvcache/finding.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Rows behind the last token, which mlx-lm@0.32 stores: zeros, or what was there before a trim.
struct UnusedRows {
  std::int64_t rows = 0;    ///< on the sequence axis
  std::uint64_t bytes = 0;  ///< of all arrays of the cache
};

/// How a layer appears in its file.
struct LayerSource {
  std::string class_text;             ///< class value as in the file (without the model-state prefix)
  std::vector<std::size_t> arrays;    ///< indices into Header::tensors, in state order
  EraSet eras;                        ///< which eras could have written this layer
  std::vector<std::string> evidence;  ///< "rotating metadata has 5 fields"
  bool decoded = false;               ///< false: the layer is an OpaqueCache
  /// Rows that were left out when the layer was decoded: one entry per cache that is no list, depth first. Empty: none.
  std::vector<UnusedRows> unused = {};
  bool early_form = false;  ///< what 0.1 of this tool took for mlx-lm@0.32, which does not load it; writing it again mends it
};

/// A prompt-cache file, decoded. Layers that could not be decoded are OpaqueCache and have error findings.
struct Document {
  SafetensorsFile file;              ///< where it comes from; stays open
  PromptCache cache;                 ///< what it holds, lazily
  std::vector<LayerSource> sources;  ///< one per layer
  EraSet candidates;                 ///< eras that could have written the whole file; empty when mixed
  const Dialect* format = nullptr;   ///< preferred() of candidates, or nullptr
  Findings findings;                 ///< KV118-KV120 of the container, KV2xx, KV3xx, KV471, KV491, KV492, KV503
};

/// Open and decode a file: never reads tensor data except the small integer arrays that states need. Throws as
/// SafetensorsFile::open does, and Error(unreadable, code KV122 or KV123) for a sound file that is no prompt cache.
[[nodiscard]] Document read_document(const std::string& path);
/// The same for a file that is open already.
[[nodiscard]] Document decode(SafetensorsFile file);

/// What a layer is, with rows and bytes as its file stores them: Cache::facts() knows nothing of UnusedRows.
[[nodiscard]] Facts stored_facts(const Document& document, std::size_t layer);

/// Children of a CacheList for files that forgot them: "KVCache,ArraysCache:2,..." applied to every CacheList that lost its
/// children. Returns a document whose lists are rebuilt. Throws Error(usage) for a bad spec, Error(impossible) when arrays do
/// not fit.
void restore_children(Document& document, std::string_view spec);

}  // namespace kvcache
