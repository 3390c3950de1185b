// From the ids of a prompt to the blocks that hold it, and from those to its cache.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foreign/foreign_format.h"
#include "foreign/omlx/block.h"
#include "foreign/omlx/gdn_sidecar.h"

namespace kvcache::foreign::omlx {

/// Where blocks come from: a folder, or an archive. They are opened twice: to see how far the prompt leads, and for what is
/// carried over; none is kept in memory in between.
struct BlockStore {
  /// Nothing where there is none. Throws Error(unreadable) or Error(io) for one that cannot be used.
  std::function<std::optional<Block>(std::string_view hash)> block;
  /// Whether there is one, by its name.
  std::function<bool(std::string_view hash)> has_block;
  /// Recurrent state for a block, the one that has lost least. `tokens`: up to the end of the block.
  std::function<std::optional<GdnSidecar>(std::string_view hash, const BlockFacts& facts, std::int64_t tokens)> gdn;
  /// Extra keys of the block behind `parent` that has these ids, where something but the ids tells them: images.
  std::function<std::vector<std::string>(std::string_view parent, std::span<const std::int32_t> ids)> extra_keys;
};

/// Under one name of a model and one size of blocks. Never throws for what is wrong with a block.
[[nodiscard]] Restored restore_chain(const BlockStore& store, std::string_view model, std::int64_t block_size,
                                     std::span<const std::int32_t> ids, bool look_only);

}  // namespace kvcache::foreign::omlx
