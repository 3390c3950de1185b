#include "cli/files/staged_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "kvcache/error.h"
#include "platform/file.h"
#include "platform/output_file.h"
#include "platform/unique_name.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(ErrorKind::io, fmt::format("{}: {}", what, detail::system_message(error)));
}

// As mkdir(): 0, or -1 with errno.
int make_folder(const char* path) {
  std::error_code error;
  if (fs::create_directory(path, error)) return 0;
  errno = error ? error.value() : EEXIST;
  return -1;
}

void move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(fmt::format("cannot move files to {}", to.string()), error.value());
}

// Without it a power failure could still lose names, and with them the files.
void sync(const fs::path& folder) {
  if (detail::sync_folder(folder.string()) != 0) fail(fmt::format("cannot write to {}", folder.string()), errno);
}

}  // namespace

StagedFolder::StagedFolder(std::string target) : target_(std::move(target)) {
  std::error_code ignored;
  exists_ = fs::is_directory(target_, ignored);
  // "out/" has no file name of its own.
  while (target_.size() > 1 && target_.back() == '/') target_.pop_back();
  const fs::path path(target_);
  const std::string parent = path.has_parent_path() ? path.parent_path().string() : ".";
  const auto [result, staging] = detail::with_unique_name(exists_ ? target_ : parent, path.filename().string(), make_folder);
  if (result != 0) fail("cannot create a folder", errno);
  staging_ = staging;
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
}

std::string StagedFolder::path(const std::string& name) const {
  return (fs::path(staging_) / name).string();
}

void StagedFolder::commit(const std::vector<std::string>& names) {
  if (!exists_) {
    sync(staging_);
    move(staging_, target_);
    const fs::path parent = fs::path(target_).parent_path();
    try {
      return sync(parent.empty() ? "." : parent);
    } catch (...) {
      std::error_code ignored;
      fs::remove_all(target_, ignored);
      throw;
    }
  }
  std::size_t moved = 0;
  try {
    for (; moved < names.size(); ++moved) move(path(names[moved]), fs::path(target_) / names[moved]);
    sync(target_);
  } catch (...) {
    // All or nothing. What --force has replaced by then is lost.
    std::error_code ignored;
    while (moved-- > 0) fs::remove(fs::path(target_) / names[moved], ignored);
    throw;
  }
}

}  // namespace kvcache::cli
