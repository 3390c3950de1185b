// Statistics of one layer, in the document of `kvcache inspect --stats --json`.
#pragma once

#include "documents/json.h"
#include "kvcache/stats.h"

namespace kvcache::documents {

/// A list of its arrays.
[[nodiscard]] Json stats_json(const LayerStats& stats);

}  // namespace kvcache::documents
