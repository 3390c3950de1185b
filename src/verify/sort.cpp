#include "verify/sort.h"

#include <algorithm>
#include <compare>

namespace kvcache::detail {

void sort_findings(Findings& findings) {
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    const auto order = a.where <=> b.where;
    return std::is_eq(order) ? a.code < b.code : std::is_lt(order);
  });
}

}  // namespace kvcache::detail
