#include "platform/holes.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "platform/file.h"
#include "platform/retry.h"
#include "platform/syscalls.h"

namespace kvcache::detail {
namespace {

/// Whether it takes less room than it has bytes: no other file is asked for its holes.
bool has_holes(int fd) {
  constexpr std::uint64_t block = 512;  // of st_blocks, whatever the file system's are
  struct stat status {};
  if (fd < 0 || syscalls().fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  return static_cast<std::uint64_t>(status.st_blocks) * block < static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

std::uint64_t hole_at(int in, std::uint64_t offset, std::uint64_t size) {
  if (size < worthwhile_hole || !has_holes(in)) return 0;
  const off_t data = syscalls().next_data(in, static_cast<off_t>(offset));
  if (data < 0) return errno == ENXIO ? size : 0;
  return std::min(size, static_cast<std::uint64_t>(data) - std::min(offset, static_cast<std::uint64_t>(data)));
}

std::uint64_t data_at(int in, std::uint64_t offset, std::uint64_t size) {
  if (size < worthwhile_hole || !has_holes(in)) return size;
  const off_t hole = syscalls().next_hole(in, static_cast<off_t>(offset));
  if (hole < 0 || static_cast<std::uint64_t>(hole) <= offset) return size;
  return std::min(size, static_cast<std::uint64_t>(hole) - offset);
}

bool make_hole(int out, std::uint64_t offset, std::uint64_t size) {
  if (out < 0 || size < worthwhile_hole) return false;
  return retry([&] { return syscalls().make_hole(out, static_cast<off_t>(offset), static_cast<off_t>(size)); }) == 0;
}

void reach(int out, std::uint64_t size) {
  struct stat status {};
  if (syscalls().fstat(out, &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= size) return;
  if (retry([&] { return syscalls().set_size(out, static_cast<off_t>(size)); }) != 0)
    throw Error(ErrorKind::io, fmt::format("cannot be written: {}", system_message(errno)));
}

}  // namespace kvcache::detail
