// What loaders make of a file, in JSON: the same in `inspect` and `verify`.
#pragma once

#include <map>

#include "documents/json.h"
#include "kvcache/verify.h"

namespace kvcache::documents {

/// {"mlx-lm@0.31": {"ok": true}, "mlx-swift-lm@3.31": {"ok": false, "reason": ..., "fix": ...}}
[[nodiscard]] Json loads_in_json(const std::map<Era, LoadVerdict>& verdicts, const std::string& file);

}  // namespace kvcache::documents
