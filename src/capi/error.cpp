// Errors as data.
#include <cstdlib>
#include <exception>
#include <new>

#include "capi/call.h"
#include "capi/handles.h"
#include "documents/hint.h"
#include "documents/remedy_json.h"

struct kvcache_error {
  kvcache_status status = KVCACHE_INTERNAL;
  std::string message;
  std::string hint;
  std::string code;
  std::string path;
  std::string key;
  std::string remedy;  // JSON
};

namespace kvcache::capi {
kvcache_status status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return KVCACHE_USAGE;
    case ErrorKind::unreadable:
      return KVCACHE_UNREADABLE;
    case ErrorKind::impossible:
      return KVCACHE_IMPOSSIBLE;
    case ErrorKind::io:
      return KVCACHE_IO;
    case ErrorKind::interrupted:
      return KVCACHE_INTERRUPTED;
  }
  return KVCACHE_INTERNAL;
}

namespace {

/// The one error that needs no memory.
kvcache_error& out_of_memory() noexcept {
  static kvcache_error error{KVCACHE_NO_MEMORY, "out of memory", {}, {}, {}, {}, "[]"};  // short enough to be within the object
  return error;
}

kvcache_status keep(kvcache_error** where, const kvcache_error& error) noexcept {
  if (where == nullptr) return error.status;
  try {
    *where = new kvcache_error(error);
  } catch (...) {
    *where = &out_of_memory();
  }
  return error.status;
}

}  // namespace

kvcache_status report(kvcache_error** error, const Call& call) noexcept {
  try {
    try {
      throw;
    } catch (const Error& e) {
      return keep(error,
                  {status_of(e.kind()), e.what(), documents::hint_of(e.remedy(), call.subject), e.code(), call.subject, e.key(),
                   documents::remedy_json(e.remedy()).dump(-1, ' ', false, documents::Json::error_handler_t::replace)});
    } catch (const std::bad_alloc&) {
      if (error != nullptr) *error = &out_of_memory();
      return KVCACHE_NO_MEMORY;
    } catch (const std::exception& e) {
      return keep(error, {KVCACHE_INTERNAL, e.what(), {}, {}, call.subject, {}, "[]"});
    } catch (...) {
      return keep(error, {KVCACHE_INTERNAL, "an unknown exception", {}, {}, call.subject, {}, "[]"});
    }
  } catch (...) {
    if (error != nullptr) *error = &out_of_memory();
    return KVCACHE_NO_MEMORY;
  }
}

char* new_string(const std::string& text) {
  auto* const out = static_cast<char*>(std::malloc(text.size() + 1));  // NOLINT: free() gives it back, in C as well
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, text.c_str(), text.size() + 1);
  return out;
}

Work work_of(const kvcache_work* work) {
  const kvcache_work asked = given(work, "work");
  Work out;
  out.threads = asked.threads;
  if (asked.progress != nullptr)
    out.progress = [call = asked.progress, context = asked.progress_context](std::uint64_t done, std::uint64_t total) {
      call(context, done, total);
    };
  if (asked.stop != nullptr) out.stop = asked.stop->token;
  return out;
}

}  // namespace kvcache::capi

using namespace kvcache::capi;

void kvcache_error_free(kvcache_error* error) {
  if (error != &out_of_memory()) delete error;
}
kvcache_status kvcache_error_status(const kvcache_error* error) {
  return error == nullptr ? KVCACHE_OK : error->status;
}
const char* kvcache_error_message(const kvcache_error* error) {
  return error == nullptr ? "" : error->message.c_str();
}
const char* kvcache_error_hint(const kvcache_error* error) {
  return error == nullptr ? "" : error->hint.c_str();
}
const char* kvcache_error_remedy(const kvcache_error* error) {
  return error == nullptr ? "[]" : error->remedy.c_str();
}
const char* kvcache_error_code(const kvcache_error* error) {
  return error == nullptr ? "" : error->code.c_str();
}
const char* kvcache_error_path(const kvcache_error* error) {
  return error == nullptr ? "" : error->path.c_str();
}
const char* kvcache_error_key(const kvcache_error* error) {
  return error == nullptr ? "" : error->key.c_str();
}

void kvcache_string_free(char* string) {
  std::free(string);  // NOLINT: of new_string()
}

kvcache_stop* kvcache_stop_new() {
  try {
    return new kvcache_stop;
  } catch (...) {
    return nullptr;
  }
}
void kvcache_stop_request(kvcache_stop* stop) {
  if (stop != nullptr) stop->token.request_stop();
}
void kvcache_stop_free(kvcache_stop* stop) {
  delete stop;
}
