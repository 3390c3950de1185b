// Digests of sequences: each block's covers all tokens before it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kvcache/store/types.h"

namespace kvcache::store::detail {

/// The digest that the first block of a namespace is chained to.
[[nodiscard]] Digest root_of(const Digest& space);

/// Those of `extras` that meet tokens [first, first + count), in the order of their positions.
[[nodiscard]] std::vector<Extra> extras_within(std::span<const Extra> extras, std::int64_t first, std::int64_t count);

/// Digest of a complete block, or of a tail, which is never taken for a block.
[[nodiscard]] Digest hash_of(const Digest& parent, std::span<const std::int32_t> ids, std::span<const Extra> extras, bool tail);

/// A prompt in blocks.
struct Chain {
  Digest root;
  std::vector<Digest> blocks;  ///< of every complete block
  Digest tail;                 ///< of what is behind them, or empty
  /// What block `i` is chained to; i up to blocks.size().
  [[nodiscard]] const Digest& before(std::size_t i) const { return i == 0 ? root : blocks[i - 1]; }
};
[[nodiscard]] Chain chain_of(const Digest& space, std::span<const std::int32_t> ids, std::span<const Extra> extras,
                             std::int64_t block);

/// How many leading tokens of a node are those of a prompt at the same place, its extras included.
[[nodiscard]] std::int64_t common_tokens(const Node& node, std::span<const std::int32_t> ids, std::span<const Extra> extras);

}  // namespace kvcache::store::detail
