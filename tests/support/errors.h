// Catching the library's exceptions in expectations.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "kvcache/error.h"

namespace test {

/// The Error that `call` throws, or nothing (and a failed test) when it throws none.
template <typename Call>
std::optional<kvcache::Error> error_of(const Call& call) {
  try {
    call();
  } catch (const kvcache::Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return std::nullopt;
}

/// Code of that Error ("KV117"), or "none".
template <typename Call>
std::string code_of(const Call& call) {
  const auto error = error_of(call);
  return error ? error->code() : "none";
}

}  // namespace test
