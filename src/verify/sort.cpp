#include "verify/sort.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <vector>

namespace kvcache::detail {
namespace {

// The numbers in "layer 3 child 1": {3, 1}. None for "header" and the like, which sorts before every layer.
std::vector<unsigned long long> position(std::string_view where) {
  std::vector<unsigned long long> numbers;
  bool in_number = false;
  for (const char c : where) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !in_number) numbers.push_back(0);
    if (digit) numbers.back() = numbers.back() * 10 + static_cast<unsigned>(c - '0');
    in_number = digit;
  }
  return numbers;
}

}  // namespace

void sort_findings(Findings& findings) {
  struct Keyed {
    std::vector<unsigned long long> position;
    Finding finding;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(findings.size());
  for (Finding& finding : findings) keyed.push_back({position(finding.where), std::move(finding)});
  std::ranges::stable_sort(keyed, [](const Keyed& a, const Keyed& b) {
    return std::tie(a.position, a.finding.code) < std::tie(b.position, b.finding.code);
  });
  std::ranges::transform(keyed, findings.begin(), [](Keyed& k) { return std::move(k.finding); });
}

}  // namespace kvcache::detail
