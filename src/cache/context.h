// Errors that say where: "layer 3 (KVCache): ...", "child 0 (ArraysCache): ...".
#pragma once

#include <string>
#include <utility>

#include "kvcache/error.h"

namespace kvcache::detail {

/// The same error with `where` in front of its message.
[[nodiscard]] inline Error in_place(const std::string& where, const Error& error) {
  Error placed(error.kind(), where + ": " + error.what(), error.hint(), error.code());
  placed.at_key(error.key());
  return placed;
}

/// Calls f; an Error that leaves it gets `where` in front of its message and keeps everything else.
template <class F>
decltype(auto) in_context(const std::string& where, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error& error) {
    throw in_place(where, error);
  }
}

}  // namespace kvcache::detail
