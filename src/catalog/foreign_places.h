// Folders and files of other projects among those that are listed and checked.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "foreign/foreign_format.h"

namespace kvcache::catalog {

/// What other projects have at or below a folder, and the folders that are theirs as a whole, as find_files() names them.
struct ForeignPlaces {
  std::vector<foreign::Place> places;
  std::set<std::string> folders;
};
[[nodiscard]] ForeignPlaces foreign_places(const std::string& folder);

}  // namespace kvcache::catalog
