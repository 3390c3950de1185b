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
};

/// Whether a file is named like a cache, NAME.safetensors or NAME.safetensors.gz, whatever is in it.
[[nodiscard]] bool is_named_as_cache(const std::string& path);

/// Every *.safetensors and *.safetensors.gz, and every other *.gz that is gzip-compressed, below `folder`, by name, depth
/// first. Links to files count as files, and so do those that lead nowhere; links to folders are not followed (they may lead
/// in a circle), and what else is no regular file is passed over.
/// Folders in `leave_out` are passed over with all in them.
[[nodiscard]] std::vector<Found> find_files(const std::string& folder, const std::set<std::string>& leave_out = {});

}  // namespace kvcache::catalog
