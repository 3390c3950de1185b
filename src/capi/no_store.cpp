// kvcache_store_... of a library that was built without it.
#include "capi/call.h"

namespace {

kvcache_status refuse(kvcache_error** error) {
  return kvcache::capi::calling(error, [](kvcache::capi::Call&) {
    throw kvcache::Error(kvcache::ErrorKind::impossible, "this library was built without the store",
                         "build it where SQLite and zstd are found; scripts/setup installs both");
  });
}

template <typename Handle>
void clear(Handle** handle) {
  if (handle != nullptr) *handle = nullptr;
}

}  // namespace

kvcache_status kvcache_store_open(const char*, kvcache_store** store, kvcache_error** error) {
  clear(store);
  return refuse(error);
}
void kvcache_store_close(kvcache_store*) {}
void kvcache_match_free(kvcache_match*) {}
kvcache_status kvcache_match_get(const kvcache_match*, kvcache_match_facts*, kvcache_error** error) {
  return refuse(error);
}
const char* kvcache_match_warning(const kvcache_match*, size_t) {
  return nullptr;
}
kvcache_status kvcache_store_put(kvcache_store*, const kvcache_cache*, const kvcache_prompt*, const kvcache_put_options*,
                                 const kvcache_work*, kvcache_match** match, kvcache_error** error) {
  clear(match);
  return refuse(error);
}
kvcache_status kvcache_store_probe(kvcache_store*, const kvcache_prompt*, const kvcache_query_options*, kvcache_match** match,
                                   kvcache_error** error) {
  clear(match);
  return refuse(error);
}
kvcache_status kvcache_store_get(kvcache_store*, const kvcache_prompt*, const kvcache_query_options*, kvcache_cache** cache,
                                 kvcache_match** match, kvcache_error** error) {
  clear(cache);
  clear(match);
  return refuse(error);
}
