// Disks that are full, that may only be read, and that have neither links nor locks: for the library's calls and SQLite's
// alike.
#pragma once

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "platform/syscalls.h"

namespace test {

/// While it lives, SQLite makes other system calls than it would. Connections may outlive it.
class SqliteCalls {
 public:
  SqliteCalls() = default;
  SqliteCalls(const SqliteCalls&) = delete;
  SqliteCalls& operator=(const SqliteCalls&) = delete;
  ~SqliteCalls() {
    for (const char* name : names_) vfs()->xSetSystemCall(vfs(), name, nullptr);
  }
  /// The function has to be of the type that SQLite has for this name. One that SQLite was built without is left out.
  template <typename Function>
  void replace(const char* name, Function* function) {
    if (vfs()->xGetSystemCall(vfs(), name) == nullptr) return;
    if (vfs()->xSetSystemCall(vfs(), name, reinterpret_cast<sqlite3_syscall_ptr>(function)) == SQLITE_OK)
      names_.push_back(name);
  }

 private:
  static sqlite3_vfs* vfs() { return sqlite3_vfs_find("unix"); }
  std::vector<const char*> names_;
};

/// While it lives, the disk takes `bytes` more, and then fails with `error`; what is removed gives its bytes back. A write for
/// which there is room in part is made in part. `tells`: the system knows how many bytes are free, as it does not of a quota.
class FullDisk {
 public:
  explicit FullDisk(std::int64_t bytes, int error = ENOSPC, bool tells = true) : saved_(kvcache::detail::syscalls()) {
    real_ = saved_;
    left_ = bytes;
    lowest_ = bytes;
    error_ = error;
    tells_ = tells;
    auto& table = kvcache::detail::syscalls();
    table.pwrite = [](int fd, const void* data, std::size_t size, off_t offset) {
      const std::size_t most = granted(size);
      return most == 0 && size > 0 ? failed() : real_.pwrite(fd, data, most, offset);
    };
    table.write = [](int fd, const void* data, std::size_t size) {
      const std::size_t most = granted(size);
      return most == 0 && size > 0 ? failed() : real_.write(fd, data, most);
    };
    table.copy_file_range = [](int in, off_t in_offset, int out, off_t out_offset, std::size_t size) {
      const std::size_t most = granted(size);
      return most == 0 && size > 0 ? failed() : real_.copy_file_range(in, in_offset, out, out_offset, most);
    };
    table.allocate = [](int fd, off_t size) { return left_ < size ? static_cast<int>(failed()) : real_.allocate(fd, size); };
    table.free_bytes = [](int fd, std::uint64_t* out) {
      if (!tells_) return real_.free_bytes(fd, out);
      *out = room();
      return 0;
    };
    table.room_at = [](const char* path, std::uint64_t* out, std::uint64_t* all) {
      if (!tells_) return real_.room_at(path, out, all);
      *out = room();
      *all = std::uint64_t{1} << 40U;
      return 0;
    };
    // A new name takes room in its folder.
    table.open = [](const char* path, int flags, mode_t mode) {
      struct stat status {};
      const bool makes = (flags & O_CREAT) != 0 && ::stat(path, &status) != 0;
      return makes && left_ <= 0 ? static_cast<int>(failed()) : real_.open(path, flags, mode);
    };
    table.open_nameless = [](const char* folder, mode_t mode) {
      return left_ <= 0 ? static_cast<int>(failed()) : real_.open_nameless(folder, mode);
    };
    table.mkdir = [](const char* path, mode_t mode) {
      return left_ <= 0 ? static_cast<int>(failed()) : real_.mkdir(path, mode);
    };
    table.unlink = [](const char* path) {
      struct stat status {};
      const bool last = ::lstat(path, &status) == 0 && status.st_nlink == 1 && S_ISREG(status.st_mode);
      const int result = real_.unlink(path);
      if (result == 0 && last) left_ += status.st_size;
      return result;
    };
    table.close = [](int fd) {
      struct stat status {};
      if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0) left_ += status.st_size;
      return real_.close(fd);
    };
    sqlite_.replace(
        "write", +[](int fd, const void* data, std::size_t size) -> ssize_t {
          const std::size_t most = granted(size);
          return most == 0 && size > 0 ? failed() : ::write(fd, data, most);
        });
    for (const char* name : {"pwrite", "pwrite64"})
      sqlite_.replace(
          name, +[](int fd, const void* data, std::size_t size, off_t offset) -> ssize_t {
            const std::size_t most = granted(size);
            return most == 0 && size > 0 ? failed() : ::pwrite(fd, data, most, offset);
          });
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { kvcache::detail::syscalls() = saved_; }

  /// The fewest bytes that were left at any time.
  [[nodiscard]] static std::int64_t lowest() { return lowest_; }
  /// Whether something has failed.
  [[nodiscard]] static bool was_full() { return lowest_ < 0; }

 private:
  static std::uint64_t room() { return static_cast<std::uint64_t>(std::max<std::int64_t>(left_, 0)); }
  static std::size_t granted(std::size_t size) {
    const std::int64_t left = std::max<std::int64_t>(left_, 0);
    const std::size_t most = std::min<std::uint64_t>(size, static_cast<std::uint64_t>(left));
    left_ -= static_cast<std::int64_t>(most);
    lowest_ = std::min<std::int64_t>(lowest_, left_);
    return most;
  }
  static ssize_t failed() {
    lowest_ = -1;
    errno = error_;
    return -1;
  }

  kvcache::detail::Syscalls saved_;
  SqliteCalls sqlite_;
  inline static kvcache::detail::Syscalls real_;
  inline static std::atomic<std::int64_t> left_;
  inline static std::atomic<std::int64_t> lowest_;
  inline static int error_;
  inline static bool tells_;
};

/// While it lives, everything may be read and nothing changed.
class ReadOnlyDisk {
 public:
  ReadOnlyDisk() : saved_(kvcache::detail::syscalls()) {
    real_ = saved_;
    auto& table = kvcache::detail::syscalls();
    table.open = [](const char* path, int flags, mode_t mode) {
      return writes(flags) ? failed() : real_.open(path, flags, mode);
    };
    table.access = [](const char* path, int mode) {
      const int result = real_.access(path, mode & ~W_OK);
      return result == 0 && (mode & W_OK) != 0 ? failed() : result;
    };
    table.open_nameless = [](const char*, mode_t) { return failed(); };
    table.mkdir = [](const char*, mode_t) { return failed(); };
    table.unlink = [](const char*) { return failed(); };
    table.unlinkat = [](int, const char*, int) { return failed(); };
    table.rename = [](const char*, const char*) { return failed(); };
    table.rename_new = [](const char*, const char*) { return failed(); };
    table.link = [](const char*, const char*) { return failed(); };
    sqlite_.replace(
        "open",
        +[](const char* path, int flags, int mode) -> int { return writes(flags) ? failed() : ::open(path, flags, mode); });
    sqlite_.replace(
        "unlink", +[](const char*) -> int { return failed(); });
    sqlite_.replace(
        "mkdir", +[](const char*, mode_t) -> int { return failed(); });
  }
  ReadOnlyDisk(const ReadOnlyDisk&) = delete;
  ReadOnlyDisk& operator=(const ReadOnlyDisk&) = delete;
  ~ReadOnlyDisk() { kvcache::detail::syscalls() = saved_; }

 private:
  static bool writes(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }
  static int failed() {
    errno = EROFS;
    return -1;
  }

  kvcache::detail::Syscalls saved_;
  SqliteCalls sqlite_;
  inline static kvcache::detail::Syscalls real_;
};

/// While it lives, the file system has no links, no files without names, no rename that keeps what is there, and no locks: a
/// FAT behind FUSE, an old network file system.
class PlainDisk {
 public:
  explicit PlainDisk(int no_link = EPERM, int no_lock = ENOLCK) : saved_(kvcache::detail::syscalls()) {
    no_link_ = no_link;
    no_lock_ = no_lock;
    auto& table = kvcache::detail::syscalls();
    table.link = [](const char*, const char*) { return failed(no_link_); };
    table.link_nameless = [](int, const char*) { return failed(no_link_); };
    table.open_nameless = [](const char*, mode_t) { return failed(EOPNOTSUPP); };
    table.rename_new = [](const char*, const char*) { return failed(EINVAL); };
    table.flock = [](int, int) { return failed(no_lock_); };
    table.allocate = [](int, off_t) { return failed(EOPNOTSUPP); };
    table.copy_file_range = [](int, off_t, int, off_t, std::size_t) -> ssize_t { return failed(EXDEV); };
    sqlite_.replace("fcntl", &no_locks);
  }
  PlainDisk(const PlainDisk&) = delete;
  PlainDisk& operator=(const PlainDisk&) = delete;
  ~PlainDisk() { kvcache::detail::syscalls() = saved_; }

 private:
  static int failed(int error) {
    errno = error;
    return -1;
  }
  static int no_locks(int fd, int command, ...) {  // NOLINT(cert-dcl50-cpp): SQLite's type
    va_list more;
    va_start(more, command);
    void* argument = va_arg(more, void*);
    va_end(more);
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) return failed(no_lock_);
    return ::fcntl(fd, command, argument);
  }

  kvcache::detail::Syscalls saved_;
  SqliteCalls sqlite_;
  inline static int no_link_;
  inline static int no_lock_;
};

}  // namespace test
