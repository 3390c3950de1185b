// Is somebody watching?
#pragma once

#include <cstdio>

namespace kvcache::detail {

[[nodiscard]] bool is_terminal(std::FILE* stream) noexcept;

}  // namespace kvcache::detail
