// Formats: dialects and their releases, files decoded, caches encoded.
#pragma once

#include "kvcache/dialect.h"    // IWYU pragma: export
#include "kvcache/document.h"   // IWYU pragma: export
#include "kvcache/encode.h"     // IWYU pragma: export
#include "kvcache/printable.h"  // IWYU pragma: export
#include "kvcache/release.h"    // IWYU pragma: export
