// libkvcache: everything.
#pragma once

#include "kvcache/caches.h"        // IWYU pragma: export
#include "kvcache/compare.h"       // IWYU pragma: export
#include "kvcache/edit.h"          // IWYU pragma: export
#include "kvcache/error.h"         // IWYU pragma: export
#include "kvcache/estimate.h"      // IWYU pragma: export
#include "kvcache/format.h"        // IWYU pragma: export
#include "kvcache/generate.h"      // IWYU pragma: export
#include "kvcache/model_config.h"  // IWYU pragma: export
#include "kvcache/prompt_cache.h"  // IWYU pragma: export
#include "kvcache/quantize.h"      // IWYU pragma: export
#include "kvcache/safetensors.h"   // IWYU pragma: export
#include "kvcache/stamp.h"         // IWYU pragma: export
#include "kvcache/stats.h"         // IWYU pragma: export
#include "kvcache/tensor.h"        // IWYU pragma: export
#include "kvcache/transform.h"     // IWYU pragma: export
#include "kvcache/verify.h"        // IWYU pragma: export
