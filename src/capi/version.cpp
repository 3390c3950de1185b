// What this library is.
#include "kvcache/dialect.h"
#include "kvcache/dtype.h"
#include "kvcache/kvcache_c.h"

uint32_t kvcache_abi_version() {
  return (std::uint32_t{KVCACHE_ABI_MAJOR} << 16U) + KVCACHE_ABI_MINOR;
}

const char* kvcache_version() {
  return KVCACHE_VERSION;
}

int32_t kvcache_has(kvcache_feature feature) {
#ifdef KVCACHE_WITH_STORE
  if (feature == KVCACHE_FEATURE_STORE) return 1;
#endif
  static_cast<void>(feature);
  return 0;
}

const char* kvcache_dtype_name(kvcache_dtype dtype) {
  if (dtype < KVCACHE_BOOL || dtype > KVCACHE_F8_E8M0) return nullptr;
  return kvcache::name(static_cast<kvcache::Dtype>(dtype)).data();  // a literal, which ends in NUL
}

size_t kvcache_dtype_size(kvcache_dtype dtype) {
  if (dtype < KVCACHE_BOOL || dtype > KVCACHE_F8_E8M0) return 0;
  return kvcache::item_size(static_cast<kvcache::Dtype>(dtype));
}

size_t kvcache_format_count() {
  return kvcache::dialects().size();
}

const char* kvcache_format_at(size_t index) {
  return index < kvcache::dialects().size() ? kvcache::dialects()[index].id.data() : nullptr;
}
