// Libraries of the system that are loaded when something of them is needed, and not with the program.
#pragma once

#include <string>

namespace kvcache::detail {

/// The library of this name, as dlopen() finds it. It stays until the program ends. Null where there is none; why is in `why`.
[[nodiscard]] void* load_library(const std::string& name, std::string& why);
/// The address of a symbol of it, or null.
[[nodiscard]] void* find_symbol(void* library, const char* name);

}  // namespace kvcache::detail
