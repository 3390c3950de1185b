// All cache classes.
#pragma once

#include "kvcache/cache.h"                               // IWYU pragma: export
#include "kvcache/cache/arrays_cache.h"                  // IWYU pragma: export
#include "kvcache/cache/batch_kv_cache.h"                // IWYU pragma: export
#include "kvcache/cache/batch_rotating_kv_cache.h"       // IWYU pragma: export
#include "kvcache/cache/cache_list.h"                    // IWYU pragma: export
#include "kvcache/cache/chunked_kv_cache.h"              // IWYU pragma: export
#include "kvcache/cache/kv_cache.h"                      // IWYU pragma: export
#include "kvcache/cache/opaque_cache.h"                  // IWYU pragma: export
#include "kvcache/cache/quantized_kv_cache.h"            // IWYU pragma: export
#include "kvcache/cache/rotating_kv_cache.h"             // IWYU pragma: export
#include "kvcache/cache/turbo_quant_kv_cache.h"          // IWYU pragma: export
#include "kvcache/cache/variance_normalized_kv_cache.h"  // IWYU pragma: export
