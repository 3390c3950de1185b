#include "platform/syscalls.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

namespace kvcache::detail {
namespace {

std::int64_t clock_now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

int not_supported() noexcept {
  errno = EOPNOTSUPP;
  return -1;
}

int open_file(const char* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}

int open_at(int folder, const char* name, int flags) {
  return ::openat(folder, name, flags);
}

int free_bytes(int fd, std::uint64_t* out) {
  struct statvfs status {};
  if (::fstatvfs(fd, &status) != 0) return -1;
  const bool reserved_too = ::geteuid() == 0;
  *out = static_cast<std::uint64_t>(reserved_too ? status.f_bfree : status.f_bavail) * status.f_frsize;
  return 0;
}

int room_at(const char* path, std::uint64_t* out, std::uint64_t* all) {
  struct statvfs where {};
  if (::statvfs(path, &where) != 0) return -1;
  const std::uint64_t unit = where.f_frsize != 0 ? where.f_frsize : where.f_bsize;
  *out = unit * where.f_bavail;
  *all = unit * where.f_blocks;
  return 0;
}

int wait_readable(int fd, int milliseconds) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, milliseconds);
}

#ifdef __linux__

// A descriptor's name for linkat: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
std::array<char, 40> name_of(int fd) {
  std::array<char, 40> name{};
  (void)std::snprintf(name.data(), name.size(), "/proc/self/fd/%d", fd);
  return name;
}

int sync_file(int fd) {
  return ::fsync(fd);
}

int rename_new(const char* from, const char* to) {
  return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int open_nameless(const char* folder, mode_t mode) {
  const int fd = ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  // Without /proc (a bare chroot) the file could never be given a name.
  if (fd >= 0 && ::access(name_of(fd).data(), F_OK) != 0) {
    ::close(fd);
    return not_supported();
  }
  return fd;
}

int link_nameless(int fd, const char* to) {
  return ::linkat(AT_FDCWD, name_of(fd).data(), AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

ssize_t copy_range(int in, off_t in_offset, int out, off_t out_offset, std::size_t size) {
  return ::copy_file_range(in, &in_offset, out, &out_offset, size, 0);
}

int allocate(int fd, off_t size) {
  struct statfs where {};
  // On tmpfs it would zero every page first: memory written twice.
  if (::fstatfs(fd, &where) == 0 && where.f_type == TMPFS_MAGIC) return not_supported();
  return ::fallocate(fd, 0, 0, size);
}

int make_hole(int fd, off_t offset, off_t size) {
  return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
}

off_t next_data(int fd, off_t offset) {
  return ::lseek(fd, offset, SEEK_DATA);
}

off_t next_hole(int fd, off_t offset) {
  return ::lseek(fd, offset, SEEK_HOLE);
}

int start_writeback(int fd, off_t offset, off_t size) {
  return ::sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE);
}

#else  // macOS

int sync_file(int fd) {
  return ::fcntl(fd, F_FULLFSYNC) == 0 ? 0 : ::fsync(fd);
}
int rename_new(const char* from, const char* to) {
  return ::renamex_np(from, to, RENAME_EXCL);
}
int open_nameless(const char*, mode_t) {
  return not_supported();
}
int link_nameless(int, const char*) {
  return not_supported();
}
ssize_t copy_range(int, off_t, int, off_t, std::size_t) {
  return not_supported();
}
int allocate(int, off_t) {
  return not_supported();
}
int make_hole(int, off_t, off_t) {
  return not_supported();
}
off_t next_data(int, off_t) {
  return not_supported();
}
off_t next_hole(int, off_t) {
  return not_supported();
}
int start_writeback(int, off_t, off_t) {
  return not_supported();
}

#endif

}  // namespace

Syscalls& syscalls() noexcept {
  static Syscalls table{
      .now = clock_now,
      .open = open_file,
      .openat = open_at,
      .close = ::close,
      .read = ::read,
      .wait_readable = wait_readable,
      .write = ::write,
      .pread = ::pread,
      .pwrite = ::pwrite,
      .fsync = sync_file,
      .fstat = ::fstat,
      .stat = ::stat,
      .fstatat = ::fstatat,
      .access = ::access,
      .fchmod = ::fchmod,
      .fchown = ::fchown,
      .readlink = ::readlink,
      .link = ::link,
      .unlink = ::unlink,
      .unlinkat = ::unlinkat,
      .rename = ::rename,
      .rename_new = rename_new,
      .mkdir = ::mkdir,
      .flock = ::flock,
      .open_nameless = open_nameless,
      .link_nameless = link_nameless,
      .copy_file_range = copy_range,
      .free_bytes = free_bytes,
      .room_at = room_at,
      .allocate = allocate,
      .make_hole = make_hole,
      .next_data = next_data,
      .next_hole = next_hole,
      .set_size = ::ftruncate,
      .start_writeback = start_writeback,
  };
  return table;
}

}  // namespace kvcache::detail
