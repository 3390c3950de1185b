// Checking many files, and whole folders.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/safetensors.h"
#include "kvcache/verify.h"

namespace kvcache::catalog {

/// Files by status, and what was passed over in folders.
struct VerifyCounts {
  std::map<Status, std::size_t> by_status;
  std::size_t files = 0;
  std::map<std::string, std::vector<std::string>> not_caches;  ///< paths, by what they are: "model weights"
};

/// "2 more are no caches (model weights, token ids)", or nothing.
[[nodiscard]] std::string not_caches_in_words(const VerifyCounts& counts);

/// What to check, and how.
struct FilesToVerify {
  std::vector<std::string> paths;  ///< files, and with `recursive` folders
  bool recursive = false;
  std::vector<std::string> exclude = {};  ///< patterns of what is left out below folders (exclusions.h)
  unsigned threads = 0;                   ///< for all of it; 0: as many as there are cores
  VerifyOptions how;  ///< its threads are what files leave of them; its progress is told about a single file
  /// Opens a name, where that is more than SafetensorsFile::open().
  std::function<SafetensorsFile(const std::string& name)> open;
  /// The bytes of what a name means that is no path, and nullptr for paths.
  std::function<std::shared_ptr<const ByteSource>(const std::string& name)> open_elsewhere;
  /// What lies below a name that is no folder of the file system, and nothing for any other.
  std::function<std::optional<std::vector<std::string>>(const std::string& name)> find_elsewhere;
  /// Of several paths, a folder without caches. Of the only one that is an error.
  std::function<void(const std::string& folder)> empty_folder;
};

/// Calls `take` with the reports and whether the file was named rather than found in a folder, in the order of the paths and by
/// name below a folder, from one thread at a time. What is found below a folder and does not claim to be a cache is counted
/// only; what other projects keep there comes last. Hints have the names of their files. Throws Error(usage) where there is
/// nothing to check: a wrong path must not pass for one in order.
VerifyCounts verify_files(const FilesToVerify& files, const std::function<void(const FileReport&, bool named)>& take);

/// --for: the id of an era or a release, a runtime (any release of it), or "all". Throws what find_target() throws.
void add_loader(VerifyOptions& how, std::string_view id);

}  // namespace kvcache::catalog
