// omlx' names of blocks: a chain of SHA-256 over the model's name, the block before and the ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::foreign::omlx {

/// 64 hex digits. `parent`: those of the block before it, empty for the first. `model`: as served; empty adds nothing.
/// `extra_keys`: of images and adapters that meet the block.
[[nodiscard]] std::string block_hash(std::string_view model, std::string_view parent, std::span<const std::int32_t> ids,
                                     std::span<const std::string> extra_keys = {});

/// What a Python tuple of these looks like as text: "(1, 2, 3)", "(7,)", "('img0',)".
[[nodiscard]] std::string tuple_text(std::span<const std::int32_t> ids);
[[nodiscard]] std::string tuple_text(std::span<const std::string> texts);

/// The extra key of a block that ends a static prefix of any length.
inline constexpr std::string_view terminal_key = "specprefill-static-exact-v1";

/// Hashes of the blocks that could end a prefix between two whole ones: of the first 1, 2, ... ids, each with terminal_key. In
/// one pass over the ids.
[[nodiscard]] std::vector<std::string> terminal_hashes(std::string_view model, std::string_view parent,
                                                       std::span<const std::int32_t> ids);

}  // namespace kvcache::foreign::omlx
