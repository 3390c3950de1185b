// Cache files below folders.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace kvcache::catalog {

/// A file that may be a prompt cache, or a folder that could not be read and why.
struct Found {
  std::string path;
  std::string error;
  std::string below = {};  ///< the path, from the folder that was searched
  /// Its folder's listing says that it is no link and a regular file.
  bool is_regular = false;
};

/// Whether a file is named like a cache, NAME.safetensors or NAME.safetensors.gz in letters of either case, whatever is in it.
[[nodiscard]] bool is_named_as_cache(const std::string& path);

/// Every *.safetensors and *.safetensors.gz, and every other *.gz that is gzip-compressed, below `folder`, by name, depth
/// first. Links to files count as files, and so do those that lead nowhere; links to folders are not followed (they may lead
/// in a circle), and what else is no regular file is passed over. So is what `exclude` and files of the name .kvcacheignore
/// leave out (exclusions.h), and so are folders in `leave_out` with all in them. An empty name is the current folder, whose
/// paths have no folder in front.
[[nodiscard]] std::vector<Found> find_files(const std::string& folder, const std::vector<std::string>& exclude = {},
                                            const std::set<std::string>& leave_out = {});

}  // namespace kvcache::catalog
