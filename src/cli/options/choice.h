// Options whose value is one of several words.
#pragma once

#include <initializer_list>
#include <string_view>

#include "cli/cli11.h"

namespace kvcache::cli {

/// What comes after it in a message of the parser is the hint.
inline constexpr std::string_view hint_mark = "\nhint: ";

/// For an option's check(): one of these words (literals), else "'KVCach' is none of KVCache, RotatingKVCache" with the nearest
/// of them as the hint.
[[nodiscard]] CLI::Validator one_of(std::initializer_list<std::string_view> words);

}  // namespace kvcache::cli
