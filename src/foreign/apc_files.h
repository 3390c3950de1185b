// The two kinds of files of mlx-vlm's automatic prefix cache: shards of blocks, and whole caches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "foreign/apc_hash.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {

/// One block of a shard.
struct ApcBlock {
  std::int64_t hash = 0;
  std::int64_t parent = 0;  ///< 0 at the root
  std::int64_t extra = 0;   ///< of images; 0 without any
  std::vector<std::int32_t> ids;
  std::optional<ApcRule> rule;  ///< by which the hash is that of the rest; nothing: these are not its tokens
};

/// A segment of blocks, of one chain or of several. Their order says nothing about the chain: only the parents do.
struct ApcShard {
  SafetensorsFile file;
  std::string layout;           ///< "layer_major_v2"
  bool token_major = false;     ///< one array of all layers
  std::int64_t layers = 0;      ///< with keys and values
  std::int64_t block_size = 0;  ///< tokens
  std::vector<ApcBlock> blocks;

  /// Keys or values of a layer and a block of `blocks`: [B, H, block_size, D]. Throws Error(unreadable).
  [[nodiscard]] Tensor keys(std::int64_t layer, std::size_t block) const;
  [[nodiscard]] Tensor values(std::int64_t layer, std::size_t block) const;
  /// Dtypes and shapes of a block's keys and values, of every layer: what has to be the same in all shards of a chain.
  [[nodiscard]] std::string rows_in_words() const;

 private:
  [[nodiscard]] Tensor rows(char part, std::int64_t layer, std::size_t block) const;
};

/// What a file says of itself in `layout`; nothing: it is none of APC's.
[[nodiscard]] std::optional<std::string> apc_layout(const Header& header);
/// Whether that is a whole cache, of whatever version; else it is a shard.
[[nodiscard]] bool is_apc_exact(std::string_view layout);

/// Reads the header's metadata alone. Throws Error(unreadable) for a layout that is not known here (code KV123) and for what
/// contradicts itself. Blocks whose tokens are not those of their hash are no error here: their `rule` is empty.
[[nodiscard]] ApcShard read_apc_shard(SafetensorsFile file);

/// The cache of a whole prompt.
struct ApcExact {
  SafetensorsFile file;
  std::int64_t cache_hash = 0;
  std::int64_t extra = 0;
  std::vector<std::int32_t> ids;
  std::optional<std::uint32_t> block_size;  ///< with which the hash is that of the ids; nothing: with none that was tried
  std::size_t entries = 0;                  ///< caches in it

  /// Every layer. Throws Error(unreadable), naming the layer. `tuples`: how many layers were a tuple, which becomes a list.
  [[nodiscard]] std::vector<std::unique_ptr<Cache>> layers(std::size_t* tuples = nullptr) const;
};

/// As read_apc_shard().
[[nodiscard]] ApcExact read_apc_exact(SafetensorsFile file);

}  // namespace kvcache::foreign
