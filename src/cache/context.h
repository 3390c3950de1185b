// Errors that say where: "layer 3 (KVCache): ...", "child 0 (ArraysCache): ...".
#pragma once

#include <string>
#include <utility>

#include "kvcache/error.h"

namespace kvcache::detail {

/// Calls f; an Error that leaves it gets `where` in front of its message and keeps everything else.
template <class F>
decltype(auto) in_context(const std::string& where, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error& error) {
    throw error.with_context(where);
  }
}

}  // namespace kvcache::detail
