// A prompt cache: one cache per layer, with what the user stored beside it. Operations over all layers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// State of a Swift vision model saved beside the layers: sorted by name.
struct ModelState {
  std::vector<std::pair<std::string, Tensor>> entries;  ///< name and array
};

/// What a prompt-cache file holds.
struct PromptCache {
  std::vector<std::unique_ptr<Cache>> layers;   ///< in the model's order; never null
  std::map<std::string, std::string> metadata;  ///< what the user stored: flat keys as in the file, without their section
  std::optional<ModelState> model_state;        ///< mlx-swift-lm's vision models

  /// Another one with the same contents; the arrays are shared, as they never change.
  [[nodiscard]] PromptCache copy() const;
};

/// "layer 3 (RotatingKVCache)".
[[nodiscard]] std::string layer_name(const PromptCache& cache, std::size_t index);

/// Logical length: the largest offset of the layers that have one, in tokens.
[[nodiscard]] std::int64_t token_count(const PromptCache& cache);

/// Trim every layer by min(n, tokens) or none: throws Error(impossible) naming the first layer that cannot and why. A batch
/// loses n tokens of each sequence, and cannot where one has fewer. Returns how many tokens were removed (the largest of the
/// layers' counts: a draft model's layers may hold fewer).
std::int64_t trim_prompt_cache(PromptCache& cache, std::int64_t n);
/// The same, to the first `length` tokens of each layer and sequence: what holds fewer stays as it is. Returns the largest of
/// the counts.
std::int64_t trim_prompt_cache_to(PromptCache& cache, std::int64_t length);

/// Sequences of a batch. Throws Error(impossible) when the layers disagree.
[[nodiscard]] std::int64_t batch_size(const PromptCache& cache);

/// One batch of single-sequence caches. Checks layer count, classes, heads, head dims, dtypes and windows first and throws
/// Error(impossible) naming the first mismatch, with `names` for the inputs. User metadata is the first one's.
[[nodiscard]] PromptCache merge_prompt_caches(std::span<const PromptCache* const> caches, std::span<const std::string> names);

/// Sequence `index` of a batch. Error(usage) when out of range.
[[nodiscard]] PromptCache extract_prompt_cache(const PromptCache& cache, std::int64_t index);
/// Keep these sequences of a batch, in this order. Error(usage) when one is out of range; then nothing has changed.
void filter_prompt_cache(PromptCache& cache, std::span<const std::int64_t> indices);
/// Append the sequences of another batch, called `other_name` in errors. Throws Error(impossible) naming the first layer that
/// does not fit and why.
void extend_prompt_cache(PromptCache& cache, const PromptCache& other, const std::string& other_name);

/// Append keys and values, named "LAYER.keys" and "LAYER.values" ("LAYER.CHILD.keys" within a CacheList), to every layer, the
/// same number of tokens. Throws Error(impossible) naming a layer without update or one of recurrent state, which only the
/// model can move along; Error(usage) naming an update without layer.
void append_prompt_cache(PromptCache& cache, const std::map<std::string, Tensor>& update);
/// The last right_padding[b] rows of sequence b are padding: move them to the left (prepare and finalize on every layer).
void align_prompt_cache(PromptCache& cache, const Int32s& right_padding);
/// Rewrite every ring in temporal order, within CacheLists as well. Returns how many were out of order.
std::size_t unrotate_prompt_cache(PromptCache& cache);

/// What a layer of a model needs, from its config.json or from options.
struct LayerSpec {
  /// KVCache, RotatingKVCache, ChunkedKVCache, ArraysCache, CacheList.
  enum class Kind { kv, rotating, chunked, arrays, list };
  Kind kind = Kind::kv;                                ///< class of the cache
  std::int64_t max_size = 0;                           ///< rotating: window, tokens
  std::int64_t keep = 0;                               ///< rotating: tokens it pins
  std::int64_t chunk_size = 0;                         ///< chunked: tokens
  std::int64_t kv_heads = 0;                           ///< kv, rotating, chunked: H
  std::int64_t key_dim = 0;                            ///< kv, rotating, chunked: Dk
  std::int64_t value_dim = 0;                          ///< kv, rotating, chunked: Dv
  std::vector<std::vector<std::int64_t>> slot_shapes;  ///< arrays: shapes without B, where the config tells them
  std::vector<std::optional<Dtype>> slot_dtypes;       ///< arrays: as slot_shapes; nothing: the dtype of keys
  std::size_t slots = 0;                               ///< arrays
  std::vector<LayerSpec> children;                     ///< list
  bool unused = false;                                 ///< kv: made, and never filled
};

/// The reference's make_prompt_cache without a model: RotatingKVCache with keep 4 when max_kv_size is given, else KVCache.
[[nodiscard]] std::vector<std::unique_ptr<Cache>> make_prompt_cache(std::size_t layers,
                                                                    std::optional<std::int64_t> max_kv_size);
/// The same with a model: one cache for each spec, never used. Throws Error(usage) for windows or chunks that cannot be.
[[nodiscard]] std::vector<std::unique_ptr<Cache>> make_prompt_cache(std::span<const LayerSpec> layers);

}  // namespace kvcache
