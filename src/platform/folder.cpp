#include "platform/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>

#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "platform/disk_full.h"
#include "platform/file.h"
#include "platform/file_times.h"
#include "platform/list_folder.h"
#include "platform/output_file.h"
#include "platform/retry.h"
#include "platform/syscalls.h"

namespace kvcache::detail {
namespace {

[[noreturn]] void fail(const char* what, const std::string& path, int error) {
  const std::string message = fmt::format("cannot {} {}: {}", what, printable(path, 4096), system_message(error));
  if (is_disk_full(error)) throw DiskFull(message, "free some space, or use another disk");
  throw Error(ErrorKind::io, message);
}

FileIdentity identity_in(const struct stat& status) {
  const FileTimes times = file_times(status);
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino), times.size, times.modified};
}

bool is_a(const std::string& path, mode_t type) {
  struct stat status {};
  return syscalls().stat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == type;
}

}  // namespace

bool is_folder(const std::string& path) {
  return is_a(path, S_IFDIR);
}

bool make_private_folder(const std::string& path) {
  if (is_folder(path)) return false;
  const std::size_t slash = path.find_last_of('/');
  const std::string above = slash == std::string::npos || slash == 0 ? std::string() : path.substr(0, slash);
  if (!above.empty() && above != path) make_private_folder(above);
  if (syscalls().mkdir(path.c_str(), 0700) == 0) return true;
  const int error = errno;
  if (error == EEXIST && is_folder(path)) return false;
  fail("make the folder", path, error);
}

void each_file_in(const std::string& folder, const std::function<void(const FolderItem&)>& found) {
  const std::error_code error = list_folder(folder, [&](std::string_view name, EntryType type) {
    if (type != EntryType::file) return true;
    const std::string path = fmt::format("{}/{}", folder, name);
    struct stat status {};
    if (syscalls().fstatat(AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return true;  // gone meanwhile
      fail("look at", path, errno);
    }
    if (S_ISREG(status.st_mode))
      found({std::string(name), static_cast<std::uint64_t>(status.st_size), static_cast<std::int64_t>(status.st_ctime)});
    return true;
  });
  if (error && error != std::errc::no_such_file_or_directory) fail("read the folder", folder, error.value());
}

std::optional<std::uint64_t> file_size(const std::string& path) {
  if (const auto found = identity_of_file(path)) return found->bytes;
  return std::nullopt;
}

std::optional<FileIdentity> identity_of_file(const std::string& path) {
  struct stat status {};
  if (syscalls().stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    return identity_in(status);
  }
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  fail("look at", path, errno);
}

FileIdentity identity_of_file(int descriptor) {
  struct stat status {};
  if (syscalls().fstat(descriptor, &status) == 0) return identity_in(status);
  throw Error(ErrorKind::io, fmt::format("an open file cannot be looked at: {}", system_message(errno)));
}

bool rename_file(const std::string& from, const std::string& to) {
  if (syscalls().rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  fail("rename", from, errno);
}

void remove_file(const std::string& path) {
  if (syscalls().unlink(path.c_str()) != 0 && errno != ENOENT) fail("remove", path, errno);
}

void make_names_durable(const std::string& folder) {
  if (sync_folder(folder) != 0) fail("flush the folder", folder, errno);
}

std::int64_t system_time() {
  return syscalls().now();
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> disk_space(const std::string& path) {
  std::pair<std::uint64_t, std::uint64_t> room;
  if (syscalls().room_at(path.c_str(), &room.first, &room.second) != 0) return std::nullopt;
  return room;
}

bool on_network(const std::string& path) {
  struct statfs where {};
  if (::statfs(path.c_str(), &where) != 0) return false;
#ifdef __linux__
  constexpr unsigned long cifs = 0xFF534D42UL;
  constexpr unsigned long smb2 = 0xFE534D42UL;
  constexpr unsigned long ceph = 0x00C36400UL;
  constexpr unsigned long ninep = 0x01021997UL;
  const auto type = static_cast<unsigned long>(where.f_type) & 0xFFFFFFFFUL;
  return type == NFS_SUPER_MAGIC || type == cifs || type == smb2 || type == ceph || type == ninep || type == SMB_SUPER_MAGIC;
#else
  return (where.f_flags & MNT_LOCAL) == 0;
#endif
}

std::optional<std::string> write_obstacle(const std::string& path) {
  if (syscalls().access(path.c_str(), W_OK) == 0 || errno == ENOENT) return std::nullopt;
  return system_message(errno);
}

std::shared_ptr<void> SharedLock::hold(const std::string& path) {
  const int fd = retry([&] { return syscalls().open(path.c_str(), O_RDONLY | O_CLOEXEC, 0); });
  if (fd < 0) return nullptr;
  auto file = std::make_shared<File>(fd, path);
  // Those who hold it alone do so for the length of two calls.
  for (int tries = 0; tries < 1000; ++tries) {
    if (syscalls().flock(fd, LOCK_SH | LOCK_NB) == 0) return file;
    if (errno != EWOULDBLOCK && errno != EINTR) return nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return nullptr;
}

std::optional<bool> SharedLock::when_free(const std::string& path, const std::function<void()>& action) {
  const int fd = retry([&] { return syscalls().open(path.c_str(), O_RDONLY | O_CLOEXEC, 0); });
  if (fd < 0) return std::nullopt;
  const File file(fd, path);
  if (syscalls().flock(fd, LOCK_EX | LOCK_NB) == 0) {
    action();
    return true;
  }
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  return std::nullopt;
}

bool SharedLock::supported(const std::string& path) {
  const int fd = retry([&] { return syscalls().open(path.c_str(), O_RDONLY | O_CLOEXEC, 0); });
  if (fd < 0) return true;
  const File file(fd, path);
  if (syscalls().flock(fd, LOCK_SH | LOCK_NB) == 0) {
    syscalls().flock(fd, LOCK_UN);
    return true;
  }
  const std::array unsupported = {ENOLCK, ENOTSUP, EOPNOTSUPP, ENOSYS, EINVAL};  // some of them are one where this is Linux
  return std::ranges::find(unsupported, errno) == unsupported.end();
}

std::size_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  constexpr rlim_t enough = 65536;
  const rlim_t wanted = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > enough ? enough : limit.rlim_max;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur == RLIM_INFINITY ? enough : static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace kvcache::detail
