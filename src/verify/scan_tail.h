// Rows of zeros at the end of keys and values: a buffer that a writer forgot to slice to the offset.
#pragma once

#include "verify/rules.h"

namespace kvcache::detail {

/// KV605 for one cache. Reads its last row, and more only while they are zero.
void check_zero_tail(const Place& place, Findings& findings);

}  // namespace kvcache::detail
