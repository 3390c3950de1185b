// What `kvcache ls` prints of a folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/duplicates.h"
#include "catalog/list_files.h"
#include "cli/command.h"
#include "cli/render/json.h"

namespace kvcache::cli {

/// The files that were asked for. What is no cache is counted, not listed.
struct Listing {
  std::vector<catalog::ListedFile> files;  ///< in the order to show
  std::size_t shown = 0;                   ///< so many of them, from the first
  std::size_t other = 0;                   ///< are no caches
  std::size_t passed_over = 0;             ///< caches that were not asked for
  bool relative = false;                   ///< one folder was listed: names from there
  std::optional<std::size_t> by_folder;    ///< sums instead of files: of so many folders at most
  std::optional<std::vector<catalog::Duplicates>> duplicates;
};

/// All but the files, whose list is empty.
[[nodiscard]] Json listing_json(const Listing& listing);
[[nodiscard]] Json file_json(const catalog::ListedFile& file);
[[nodiscard]] std::string listing_text(const Context& context, const Listing& listing);
/// With a line of titles; RFC 4180.
[[nodiscard]] std::string listing_csv(const Listing& listing);

}  // namespace kvcache::cli
