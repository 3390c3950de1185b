// A file that no server can have written so.
#pragma once

#include <string>
#include <string_view>

#include "kvcache/error.h"

namespace kvcache::foreign {

/// Throws Error(unreadable). `code`: the finding that `verify` makes of it, where it is not that of the format.
[[noreturn]] inline void unreadable(const std::string& what, std::string_view code = {}) {
  throw Error(ErrorKind::unreadable, what, {}, std::string(code));
}

}  // namespace kvcache::foreign
