// The order of findings in a report.
#pragma once

#include "kvcache/finding.h"

namespace kvcache::detail {

/// By layer, then child, in the order of the file, those about the whole file first; then by code.
void sort_findings(Findings& findings);

}  // namespace kvcache::detail
