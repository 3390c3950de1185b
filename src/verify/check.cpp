#include <algorithm>
#include <iterator>
#include <utility>

#include "cache/invariants/invariants.h"
#include "kvcache/verify.h"
#include "verify/rules.h"
#include "verify/sort.h"

namespace kvcache {
namespace detail {

void check_class(const Place& place, Findings& findings) {
  for (Broken& broken : broken_invariants(*place.cache))
    findings.push_back(make_finding(broken.code, place.where, first_key(place), std::move(broken.problem.message),
                                    std::move(broken.problem.remedy)));
}

}  // namespace detail

Findings check(const Document& document) {
  using namespace detail;
  Findings findings = document.findings;
  if (has_class_gap(findings)) {
    sort_findings(findings);
    return findings;
  }
  std::vector<Place> all = places(document);
  for (Place& place : all) {
    if (!place.sound) continue;
    Findings found;
    check_class(place, found);
    // Sizes and offsets of a broken layer mean nothing to the rules that compare layers.
    place.sound = std::ranges::none_of(found, prevents_editing);
    std::ranges::move(found, std::back_inserter(findings));
  }
  check_across_layers(all, findings);
  check_portability(all, findings);
  check_file_portability(document, findings);
  sort_findings(findings);
  return findings;
}

}  // namespace kvcache
