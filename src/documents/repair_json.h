// What `kvcache repair` did, and what `kvcache verify --fix` would do, as JSON.
#pragma once

#include <vector>

#include "documents/json.h"
#include "kvcache/repair.h"

namespace kvcache::documents {

/// [{"code":...,"where":...,"message":...}]
[[nodiscard]] Json repairs_json(const std::vector<Repair>& repairs);
/// The same, with "choices".
[[nodiscard]] Json undecided_json(const std::vector<Undecided>& undecided);

}  // namespace kvcache::documents
