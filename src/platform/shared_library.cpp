#include "platform/shared_library.h"

#include <dlfcn.h>

namespace kvcache::detail {

void* load_library(const std::string& name, std::string& why) {
  void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  // Its text is of this thread alone.
  if (library == nullptr) why = ::dlerror();  // NOLINT(concurrency-mt-unsafe)
  return library;
}

void* find_symbol(void* library, const char* name) {
  return ::dlsym(library, name);
}

}  // namespace kvcache::detail
