// What to do about something, as JSON.
#pragma once

#include "documents/json.h"
#include "kvcache/remedy.h"

namespace kvcache::documents {

/// Its parts in order: {"words": ...} or {"action": ..., "arguments": {...}}.
[[nodiscard]] Json remedy_json(const Remedy& remedy);

}  // namespace kvcache::documents
