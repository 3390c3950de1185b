// The files of completions/, as text: the build puts them into the tool (cmake/parts.cmake).
#pragma once

#include <string_view>

namespace kvcache::cli {

[[nodiscard]] std::string_view bash_completion() noexcept;
[[nodiscard]] std::string_view zsh_completion() noexcept;
[[nodiscard]] std::string_view fish_completion() noexcept;

}  // namespace kvcache::cli
