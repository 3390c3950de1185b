#include "platform/file_times.h"

#include <sys/stat.h>

#include "platform/retry.h"
#include "platform/syscalls.h"

namespace kvcache::detail {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileTimes file_times(const struct stat& status) noexcept {
#ifdef __APPLE__
  const timespec& modified = status.st_mtimespec;
  const timespec& accessed = status.st_atimespec;
#else
  const timespec& modified = status.st_mtim;
  const timespec& accessed = status.st_atim;
#endif
  return {static_cast<std::uint64_t>(status.st_size), nanoseconds(modified), nanoseconds(accessed)};
}

std::optional<FileTimes> file_times(const std::string& path) {
  struct stat status {};
  if (retry([&] { return syscalls().stat(path.c_str(), &status); }) != 0) return std::nullopt;
  return file_times(status);
}

}  // namespace kvcache::detail
