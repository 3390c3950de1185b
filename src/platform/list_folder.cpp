#include "platform/list_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

namespace kvcache::detail {
namespace {

EntryType type_of_mode(mode_t mode) {
  if (S_ISREG(mode)) return EntryType::file;
  if (S_ISDIR(mode)) return EntryType::folder;
  return S_ISLNK(mode) ? EntryType::link : EntryType::other;
}

// Not every file system has the type in its listing.
EntryType type_of_entry(DIR* folder, const dirent& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return EntryType::file;
    case DT_DIR:
      return EntryType::folder;
    case DT_LNK:
      return EntryType::link;
    case DT_UNKNOWN: {
      struct stat status {};
      const bool known = ::fstatat(::dirfd(folder), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
      return known ? type_of_mode(status.st_mode) : EntryType::other;
    }
    default:
      return EntryType::other;
  }
}

}  // namespace

std::error_code list_folder(const std::string& folder, const std::function<bool(std::string_view, EntryType)>& found) {
  const auto error = [] { return std::error_code(errno, std::generic_category()); };
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (!open) return error();
  while (true) {
    errno = 0;
    // Each caller has a stream of its own.
    const dirent* const entry = ::readdir(open.get());  // NOLINT(concurrency-mt-unsafe)
    if (entry == nullptr) return errno == 0 ? std::error_code() : error();
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (!found(name, type_of_entry(open.get(), *entry))) return {};
  }
}

}  // namespace kvcache::detail
