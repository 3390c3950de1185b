// Words that other tools have for what a command here does.
#pragma once

#include <string_view>

namespace kvcache::cli {

/// The command that `word` stands for elsewhere ("list" is ls), or empty.
[[nodiscard]] std::string_view command_elsewhere(std::string_view word) noexcept;

}  // namespace kvcache::cli
