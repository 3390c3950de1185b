// When a repair may be written.
#pragma once

#include <string>

#include "kvcache/repair.h"

namespace kvcache::detail {

/// Throws Error(impossible), with what was possible instead, where something is left: nothing is written where a reader would
/// take the result for a sound file and it is none.
void require_repaired(const RepairPlan& plan);

}  // namespace kvcache::detail
