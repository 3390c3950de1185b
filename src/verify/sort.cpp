#include "verify/sort.h"

#include <algorithm>

namespace kvcache::detail {

void sort_findings(Findings& findings) {
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    const auto order = a.where <=> b.where;
    return order == 0 ? a.code < b.code : order < 0;
  });
}

}  // namespace kvcache::detail
