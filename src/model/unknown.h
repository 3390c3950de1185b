// What a model's config.json does not tell.
#pragma once

#include <string>

#include "kvcache/error.h"

namespace kvcache::detail {

/// Throws Error(unreadable).
[[noreturn]] inline void unknown(const std::string& why, const std::string& hint = {}) {
  throw Error(ErrorKind::unreadable, why, hint);
}

}  // namespace kvcache::detail
