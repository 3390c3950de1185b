// Whose a class or a layout is that no runtime here has: files of neighbours are not understood, but they are not damaged.
#pragma once

#include <optional>
#include <string_view>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// Who has a class of this name ("mlx-vlm"), or nothing. A name with its module ("mlx_lm.models.cache:KVCache") is a fork's.
[[nodiscard]] std::optional<std::string_view> owner_of_class(std::string_view class_text);

/// Some forks of mlx-lm keep tables of their own, of arrays without elements, in sections 3 and 4 of the metadata, and name
/// classes with their modules.
[[nodiscard]] bool has_fork_tables(const Header& header);
/// Whether a metadata key belongs to such a table.
[[nodiscard]] bool is_fork_table_key(std::string_view key);

}  // namespace kvcache::detail
