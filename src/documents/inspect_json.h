// `kvcache inspect --json`: schema kvcache.inspect/1.
#pragma once

#include "documents/json.h"
#include "kvcache/document.h"
#include "kvcache/stats.h"

namespace kvcache::documents {

/// `stats`: of this document, or null.
[[nodiscard]] Json inspect_json(const Document& document, const CacheStats* stats);

}  // namespace kvcache::documents
