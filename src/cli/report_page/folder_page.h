// The page of `kvcache report` on what a server has left on the disk: bounded, however many entries there are.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "foreign/explain.h"
#include "kvcache/finding.h"

namespace kvcache::cli {

/// What `verify` finds in a place: numbers of all, and the first ones.
struct PlaceFindings {
  static constexpr std::size_t most_kept = 100;
  std::uint64_t files = 0;
  std::uint64_t errors = 0, warnings = 0, others = 0;
  std::vector<std::pair<std::string, Finding>> kept;  ///< with the paths; errors before warnings
  void add(const foreign::Report& report);
};

struct ReportedPlace {
  foreign::Explanation explained;
  PlaceFindings findings;
};

/// `path`: as the user gave it, of which the page shows the last name only. The same input gives the same bytes.
[[nodiscard]] std::string folder_page(const std::string& path, const std::vector<ReportedPlace>& places);

}  // namespace kvcache::cli
