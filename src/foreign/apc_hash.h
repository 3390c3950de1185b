// mlx-vlm's automatic prefix cache (APC): what blocks and files are called by.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace kvcache::foreign {

/// APC has two rules, chosen by an environment variable of the server (APC_HASH). No file says which one made it.
enum class ApcRule { python, sha256 };

/// Hash of a block: of its parent's (0 at the root), its token ids, and what else the keys and values depend on (images; 0
/// without any). Python's is that of hash((parent, tuple(ids), extra)) in CPython since 3.8, whose hash of integers and tuples
/// of them is the same in every process.
[[nodiscard]] std::int64_t apc_block_hash(ApcRule rule, std::int64_t parent, std::span<const std::int32_t> ids,
                                          std::int64_t extra);

/// The rule by which a block is what its metadata say; nothing: by none.
[[nodiscard]] std::optional<ApcRule> apc_block_rule(std::int64_t hash, std::int64_t parent, std::span<const std::int32_t> ids,
                                                    std::int64_t extra);

/// Hash of a whole cache. The block size of the server goes into it and is not stored.
[[nodiscard]] std::int64_t apc_exact_hash(std::int64_t extra, std::uint32_t block_size, std::span<const std::int32_t> ids);

/// Stem of the file of a segment with these blocks, in its order: "shard_" and 32 hex digits.
[[nodiscard]] std::string apc_shard_stem(std::span<const std::int64_t> block_hashes);
/// The same of a whole cache: "exact_" and 32 hex digits.
[[nodiscard]] std::string apc_exact_stem(std::int64_t cache_hash);

}  // namespace kvcache::foreign
