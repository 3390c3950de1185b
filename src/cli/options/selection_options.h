// Options that say which files of a folder are meant: of `ls` and `prune`.
#pragma once

#include <string>
#include <string_view>

#include "catalog/selection.h"
#include "cli/cli11.h"

namespace kvcache::cli {

/// Bounds as they are given: '>4096', '<=32k', and without a sign what is above. Throw CLI::ValidationError, naming `flag`.
[[nodiscard]] catalog::NumberBound parse_token_bound(const std::string& flag, const std::string& text);
[[nodiscard]] catalog::NumberBound parse_byte_bound(const std::string& flag, const std::string& text);
/// '>30d' and '30d': longer ago than that; '<2026-01-31' and '2026-01-31': before that day, '>2026-01-31 18:00' after that
/// moment, in local time.
[[nodiscard]] catalog::TimeBound parse_time_bound(const std::string& flag, const std::string& text);

/// What `text` names a model by: metadata may have it as it is, as the folder it is in the local cache of Hugging Face, or as
/// the id that such a folder is of; "" is what names none.
[[nodiscard]] catalog::ModelNames model_names(const std::string& text);
/// As `ls` shows it: an id, or omlx for its blocks.
[[nodiscard]] std::string listed_format(const std::string& id);

inline constexpr std::string_view exclude_help =
    "Leave out files and folders: '*.tmp.safetensors', 'old/'; as in .gitignore, also in files named .kvcacheignore";
/// --exclude GLOB, any number of times.
void add_exclude(CLI::App& app, std::vector<std::string>& patterns);

}  // namespace kvcache::cli
