// Several output files that arrive together or not at all.
#pragma once

#include <string>
#include <vector>

namespace kvcache::cli {

/// A hidden folder that files are written into first: inside the target folder where that exists, else beside it, so that
/// moving them is a rename. The destructor removes it with whatever is still in it.
class StagedFolder {
 public:
  /// Throws Error(io).
  explicit StagedFolder(std::string target);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  /// Where to write the file that will be called `name`.
  [[nodiscard]] std::string path(const std::string& name) const;
  /// Moves all of them into the target folder, which is created if missing. Throws Error(io).
  void commit(const std::vector<std::string>& names);

 private:
  std::string target_;
  bool exists_ = false;
  std::string staging_;
};

}  // namespace kvcache::cli
