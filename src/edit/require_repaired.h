// When a repair may be written.
#pragma once

#include <string>

#include "kvcache/repair.h"

namespace kvcache::detail {

/// Throws Error(impossible), with what was possible instead, where something is left: nothing is written where a reader would
/// take the result for a sound file and it is none. `path`: of the file, for the hint.
void require_repaired(const RepairPlan& plan, const std::string& path);

}  // namespace kvcache::detail
