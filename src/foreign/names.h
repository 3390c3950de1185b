// What servers call their files and folders by: digests of prompts, models and settings. One rule each, as the project's own
// code has it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kvcache::foreign {

/// dflash-mlx: the folder of a version, 16 hex digits; it begins anew with each.
[[nodiscard]] std::string dflash_runtime_folder(std::int64_t schema, std::string_view version);
/// dflash-mlx: part of the file name, 16 hex digits.
[[nodiscard]] std::string dflash_token_hash(std::span<const std::int32_t> ids);

/// mlx-prompt-cache: hash of a block, 64 hex digits. `parent`: that of the block before it, empty at the root.
[[nodiscard]] std::string mlxpc_block_hash(std::string_view signature, std::string_view parent,
                                           std::span<const std::int32_t> ids);

/// The prefix folders of ekryski's mlx-swift-lm: name of the folder of a snapshot, 16 hex digits.
[[nodiscard]] std::string prefix_folder_name(std::string_view model, std::uint64_t layers, std::uint64_t head_dim,
                                             std::optional<std::uint64_t> bits, std::span<const std::int32_t> ids);

/// vmlx-swift: stem of the file of a prompt, 32 hex digits.
[[nodiscard]] std::string vmlx_swift_stem(std::string_view model_key, std::string_view media_salt,
                                          std::span<const std::int32_t> ids);

/// vmlx: hash of a prompt, 64 hex digits, of which a file's name has the first 16.
[[nodiscard]] std::string vmlx_prompt_hash(std::span<const std::int32_t> ids);
/// vmlx: hash of a block, 64 hex digits. `parent`: that of the block before it, empty at the root.
[[nodiscard]] std::string vmlx_block_hash(std::string_view parent, std::span<const std::int32_t> ids);

/// mlx-lm, pull request 1218: stem of the file of a prompt, 16 hex digits.
[[nodiscard]] std::string mlx_lm_1218_stem(std::span<const std::int32_t> ids);

/// slotstream: stem of a head, 40 hex digits. `identity`: the digest that the head names.
[[nodiscard]] std::string slotstream_stem(std::string_view identity, std::span<const std::int32_t> ids);

}  // namespace kvcache::foreign
