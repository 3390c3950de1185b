#include "platform/remove_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "platform/file.h"
#include "platform/retry.h"
#include "platform/syscalls.h"

namespace kvcache::detail {
namespace {

std::int64_t modified(const struct stat& status) {
#ifdef __APPLE__
  const timespec& time = status.st_mtimespec;
#else
  const timespec& time = status.st_mtim;
#endif
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// 0 and the state, or errno.
int look_at(int folder, const std::string& name, std::optional<FileState>& out) {
  struct stat status {};
  if (retry([&] { return syscalls().fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW); }) != 0) return errno;
  if (S_ISREG(status.st_mode))
    out = FileState{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), modified(status)};
  return 0;
}

[[noreturn]] void fail(int error) {
  throw Error(ErrorKind::io, fmt::format("cannot be deleted: {}", system_message(error)),
              error == EACCES || error == EPERM || error == EROFS ? "its folder has to be writable for you" : "");
}

}  // namespace

std::optional<FileState> file_state(const std::string& path) {
  std::optional<FileState> state;
  if (look_at(AT_FDCWD, path, state) != 0) return std::nullopt;
  return state;
}

Removal remove_unchanged(const std::string& folder, const std::string& path, const FileState& state) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  // Folder by folder, so that no link on the way can lead out.
  File at(retry([&] { return syscalls().open(folder.c_str(), flags, 0); }), folder);
  std::size_t begin = 0;
  for (std::size_t slash = path.find('/'); at.descriptor() >= 0 && slash != std::string::npos; slash = path.find('/', begin)) {
    const std::string part = path.substr(begin, slash - begin);
    begin = slash + 1;
    if (part.empty()) continue;
    const int next = retry([&] { return syscalls().openat(at.descriptor(), part.c_str(), flags | O_NOFOLLOW); });
    const int error = errno;
    at = File(next, folder);
    errno = error;  // closing the folder above may have changed it
  }
  if (at.descriptor() < 0) {
    if (errno == ENOENT) return Removal::gone;
    if (errno == ELOOP || errno == ENOTDIR) return Removal::changed;
    fail(errno);
  }
  const std::string name = path.substr(begin);
  std::optional<FileState> now;
  if (const int error = look_at(at.descriptor(), name, now); error == ENOENT)
    return Removal::gone;
  else if (error != 0)
    fail(error);
  if (now != state) return Removal::changed;
  if (retry([&] { return syscalls().unlinkat(at.descriptor(), name.c_str(), 0); }) == 0) return Removal::removed;
  if (errno == ENOENT) return Removal::gone;
  fail(errno);
}

}  // namespace kvcache::detail
