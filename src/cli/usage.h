// A command line that asks for what cannot be.
#pragma once

#include <string>

#include "kvcache/error.h"

namespace kvcache::cli {

/// Throws Error(usage).
[[noreturn]] inline void refuse_usage(const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorKind::usage, message, hint);
}

}  // namespace kvcache::cli
