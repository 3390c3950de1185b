// How every function of kvcache_c.h begins and ends.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

#include "kvcache/error.h"
#include "kvcache/kvcache_c.h"
#include "kvcache/progress.h"
#include "kvcache/stop.h"

namespace kvcache::capi {

/// The category of a failure.
[[nodiscard]] kvcache_status status_of(ErrorKind kind) noexcept;

/// A call at work.
struct Call {
  std::string subject;  ///< the file that errors are about
};

/// The exception that is being handled, as a status and, where it is wanted, an error.
kvcache_status report(kvcache_error** error, const Call& call) noexcept;

/// Runs work(Call&), which throws. Whatever it throws ends here. Of a work that returns a status, that one.
template <typename Work>
kvcache_status calling(kvcache_error** error, const Work& work) noexcept {
  Call call;
  try {
    if (error != nullptr) *error = nullptr;
    if constexpr (std::is_same_v<std::invoke_result_t<Work, Call&>, kvcache_status>) {
      return work(call);
    } else {
      work(call);
      return KVCACHE_OK;
    }
  } catch (...) {
    return report(error, call);
  }
}

/// Throws Error(usage) for NULL.
template <typename T>
T& wanted(T* pointer, const char* name) {
  if (pointer == nullptr) throw Error(ErrorKind::usage, std::string(name) + " is NULL");
  return *pointer;
}

/// A string that has to be there.
inline std::string text(const char* pointer, const char* name) {
  return &wanted(pointer, name);
}
/// One that need not.
inline std::string text_or_empty(const char* pointer) {
  return pointer == nullptr ? std::string() : std::string(pointer);
}

[[noreturn]] inline void refuse_size(const char* name) {
  throw Error(ErrorKind::usage, std::string(name) + ".struct_size is not set", "set it to the sizeof of the structure");
}

/// Options as this library knows them: what a program of an older header does not know is 0.
template <typename Options>
Options given(const Options* options, const char* name) {
  Options out = {};
  out.struct_size = sizeof(Options);
  if (options == nullptr) return out;
  const std::size_t size = options->struct_size;
  if (size < sizeof options->struct_size) refuse_size(name);
  std::memcpy(&out, options, std::min(size, sizeof out));
  out.struct_size = sizeof out;
  return out;
}

/// Facts for a program that knows the first `size` bytes of them.
template <typename Facts>
void put(void* out, Facts facts, std::size_t size) {
  facts.struct_size = size;
  std::memcpy(out, &facts, std::min(size, sizeof facts));
}
template <typename Facts>
void put(Facts* out, const Facts& facts, const char* name) {
  const std::size_t size = wanted(out, name).struct_size;
  if (size < sizeof out->struct_size) refuse_size(name);
  put(static_cast<void*>(out), facts, size);
}

template <typename Number, typename Value>
void put_number(Number* out, Value value) {
  if (out != nullptr) *out = static_cast<Number>(value);
}

/// Memory of malloc() that kvcache_string_free() gives back.
[[nodiscard]] char* new_string(const std::string& text);

/// What kvcache_work asks for.
struct Work {
  unsigned threads = 0;
  Progress progress;
  StopToken stop;
};
[[nodiscard]] Work work_of(const kvcache_work* work);

}  // namespace kvcache::capi
