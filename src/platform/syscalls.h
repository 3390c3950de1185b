// The operating system as the library sees it: a table of calls, so that tests can make any of them fail.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace kvcache::detail {

/// Calls that differ between Linux and macOS, or that one of them lacks, are wrapped: they fail with EOPNOTSUPP where there is
/// no such thing, and callers have another way. Everything else is the POSIX call of that name; errors are in errno.
struct Syscalls {
  std::int64_t (*now)();  ///< microseconds since 1970; people and networks set that clock, back as well
  int (*open)(const char* path, int flags, mode_t mode);
  int (*openat)(int folder, const char* name, int flags);
  int (*close)(int fd);
  ssize_t (*read)(int fd, void* out, std::size_t size);
  int (*wait_readable)(int fd, int milliseconds);  ///< poll(): 1, 0 when it is not readable by then
  ssize_t (*write)(int fd, const void* data, std::size_t size);
  ssize_t (*pread)(int fd, void* out, std::size_t size, off_t offset);
  ssize_t (*pwrite)(int fd, const void* data, std::size_t size, off_t offset);
  int (*fsync)(int fd);  ///< down to the medium (F_FULLFSYNC on macOS)
  int (*fstat)(int fd, struct stat* out);
  int (*stat)(const char* path, struct stat* out);
  int (*fstatat)(int folder, const char* name, struct stat* out, int flags);
  int (*access)(const char* path, int mode);
  int (*fchmod)(int fd, mode_t mode);
  int (*fchown)(int fd, uid_t owner, gid_t group);
  ssize_t (*readlink)(const char* path, char* out, std::size_t size);
  int (*link)(const char* from, const char* to);
  int (*unlink)(const char* path);
  int (*unlinkat)(int folder, const char* name, int flags);
  int (*rename)(const char* from, const char* to);
  int (*rename_new)(const char* from, const char* to);  ///< EEXIST instead of replacing `to`
  int (*mkdir)(const char* path, mode_t mode);
  int (*flock)(int fd, int operation);

  int (*open_nameless)(const char* folder, mode_t mode);  ///< a file without a name that link_nameless() can give one
  int (*link_nameless)(int fd, const char* to);
  ssize_t (*copy_file_range)(int in, off_t in_offset, int out, off_t out_offset, std::size_t size);
  int (*free_bytes)(int fd, std::uint64_t* out);                             ///< room for this user on the disk of a file
  int (*room_at)(const char* path, std::uint64_t* out, std::uint64_t* all);  ///< for others than root; of the whole disk
  int (*allocate)(int fd, off_t size);                       ///< reserve blocks; also EOPNOTSUPP where that is slow (tmpfs)
  int (*make_hole)(int fd, off_t offset, off_t size);        ///< zeros that take no room; the file's size stays
  off_t (*next_data)(int fd, off_t offset);                  ///< the first byte from there on in no hole; ENXIO: none
  off_t (*next_hole)(int fd, off_t offset);                  ///< the first byte from there on in a hole; the end is one
  int (*set_size)(int fd, off_t size);                       ///< ftruncate()
  int (*start_writeback)(int fd, off_t offset, off_t size);  ///< begin to flush what was written, without waiting for it
};

/// The table in use. Tests replace members; nobody else writes to it.
[[nodiscard]] Syscalls& syscalls() noexcept;

}  // namespace kvcache::detail
