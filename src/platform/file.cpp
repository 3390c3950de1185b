#include "platform/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/human.h"
#include "common/quote.h"
#include "kvcache/error.h"
#include "platform/disk_full.h"
#include "platform/retry.h"
#include "platform/syscalls.h"
#include "platform/unique_name.h"

namespace kvcache::detail {
namespace {

// Linux moves at most 2^31 - 4096 bytes per call, and macOS refuses more than 2^31 - 1.
constexpr std::size_t max_transfer = 1U << 30U;

[[noreturn]] void fail_reading(const std::string& why, std::string hint = {}) {
  throw Error(ErrorKind::io, "cannot be read: " + why, std::move(hint), "KV100");
}

// Whether it is a pipe; regular files are the only others.
bool require_readable(const struct stat& status, bool pipes) {
  const auto mode = status.st_mode;
  if (S_ISREG(mode) || (pipes && S_ISFIFO(mode))) return !S_ISREG(mode);
  if (S_ISDIR(mode)) fail_reading("it is a directory", "name a file in it");
  if (S_ISFIFO(mode)) fail_reading("it is a FIFO, which may never end", "give it as standard input, with - for the file name");
  if (S_ISSOCK(mode)) fail_reading("it is a socket");
  fail_reading("it is a device");
}

struct Opened {
  int fd;
  bool pipe;
  FileTimes times;
};

// To look at a file is not to use it: `prune` goes by when it was last read. Only its owner may ask for that.
int open_to_look(const std::string& path, int flags) {
#ifdef O_NOATIME
  const int fd = retry([&] { return syscalls().open(path.c_str(), flags | O_NOATIME, 0); });
  if (fd >= 0 || errno != EPERM) return fd;
#endif
  return retry([&] { return syscalls().open(path.c_str(), flags, 0); });
}

// Looked at before it is opened, as opening alone can act (a tape rewinds, the writer of a FIFO wakes up), and afterwards,
// as it may have been swapped in between; O_NONBLOCK covers that moment, and lets a FIFO be opened that has no writer.
Opened open_checked(const std::string& path, bool pipes, bool is_regular) {
  struct stat status {};
  if (!is_regular) {
    if (retry([&] { return syscalls().stat(path.c_str(), &status); }) != 0) fail_reading(system_message(errno));
    require_readable(status, pipes);
  }
  const int fd = open_to_look(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) fail_reading(system_message(errno));
  try {
    if (syscalls().fstat(fd, &status) != 0) fail_reading(system_message(errno));
    return {fd, require_readable(status, pipes), file_times(status)};
  } catch (...) {
    syscalls().close(fd);
    throw;
  }
}

std::string temporary_folder() {
  // Nothing of ours sets variables, so reading one is safe.
  const char* folder = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

}  // namespace

std::string system_message(int error) {
  return std::generic_category().message(error);
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      owned_(other.owned_),
      when_opened_(other.when_opened_),
      pipe_(other.pipe_),
      heard_(other.heard_),
      label_(std::move(other.label_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(when_opened_, other.when_opened_);
  std::swap(pipe_, other.pipe_);
  std::swap(heard_, other.heard_);
  std::swap(label_, other.label_);
  return *this;
}

File::~File() {
  if (fd_ >= 0 && owned_) syscalls().close(fd_);
}

File File::open_input(const std::string& path, bool is_regular) {
  const Opened opened = open_checked(path, false, is_regular);
  File file(opened.fd, path);
  file.when_opened_ = opened.times;
  return file;
}

File File::open_input_or_pipe(const std::string& path) {
  const Opened opened = open_checked(path, true, false);
  File file(opened.fd, path);
  file.when_opened_ = opened.times;
  file.pipe_ = opened.pipe;
  return file;
}

File File::borrowed(int fd, std::string label) {
  File file(fd, std::move(label));
  file.owned_ = false;
  return file;
}

File File::temporary() {
  const std::string folder = temporary_folder();
  std::string label = fmt::format("a temporary file in {}", in_quotes(folder, 4096));
  int fd = retry([&] { return syscalls().open_nameless(folder.c_str(), 0600); });
  if (fd >= 0) return {fd, std::move(label)};
  const auto [named, path] = create_unique(folder, "kvcache", 0600);
  if (named < 0) {
    throw Error(ErrorKind::io, fmt::format("cannot create {}: {}", label, system_message(errno)),
                "set TMPDIR to a folder that can be written to");
  }
  syscalls().unlink(path.c_str());
  return {named, std::move(label)};
}

std::uint64_t File::size() const {
  struct stat status {};
  if (syscalls().fstat(fd_, &status) != 0) fail_reading(system_message(errno));
  return static_cast<std::uint64_t>(status.st_size);
}

std::size_t File::read_some(std::span<std::byte> out) const {
  // A pipe does not block: nothing to read yet is not the same as nobody to write it, which a blocking open would wait for.
  constexpr auto patience = std::chrono::seconds(1);
  constexpr auto step = std::chrono::milliseconds(10);
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    const ssize_t n = retry([&] { return syscalls().read(fd_, out.data(), std::min(out.size(), max_transfer)); });
    const bool nobody = n == 0 && pipe_ && !heard_;
    if (n >= 0 && !nobody) {
      heard_ = true;
      return static_cast<std::size_t>(n);
    }
    if (nobody) {
      if (std::chrono::steady_clock::now() - start > patience)
        fail_reading("nobody writes to this pipe", "start what writes to it first");
      std::this_thread::sleep_for(step);
    } else if (pipe_ && errno == EAGAIN) {
      heard_ = true;
      if (retry([&] { return syscalls().wait_readable(fd_, 1000); }) < 0) fail_reading(system_message(errno));
    } else {
      fail_reading(system_message(errno));
    }
    throw_if_stopped();
  }
}

void File::pread_all(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = retry(
        [&] { return syscalls().pread(fd_, out.data(), std::min(out.size(), max_transfer), static_cast<off_t>(offset)); });
    if (n < 0) fail_reading(system_message(errno));
    if (n == 0) {
      throw Error(ErrorKind::io, "has become shorter while it was read", "let its writer finish, then try again", "KV100");
    }
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void File::pwrite_all(std::uint64_t offset, std::span<const std::byte> data) const {
  while (!data.empty()) {
    const ssize_t n = retry(
        [&] { return syscalls().pwrite(fd_, data.data(), std::min(data.size(), max_transfer), static_cast<off_t>(offset)); });
    if (n <= 0) fail_writing(n < 0 ? errno : EIO);
    data = data.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void File::write_all(std::span<const std::byte> data) const {
  while (!data.empty()) {
    const ssize_t n = retry([&] { return syscalls().write(fd_, data.data(), std::min(data.size(), max_transfer)); });
    if (n <= 0) fail_writing(n < 0 ? errno : EIO);
    data = data.subspan(static_cast<std::size_t>(n));
  }
}

void File::preallocate(std::uint64_t size) const {
  if (size == 0) return;
  // Where a system cannot tell, or has no blocks to count, writing will.
  std::uint64_t room = 0;
  if (syscalls().free_bytes(fd_, &room) == 0 && room < size && room > 0) fail_without_room(size, room);
  const int result = retry([&] { return syscalls().allocate(fd_, static_cast<off_t>(size)); });
  if (result != 0 && (is_disk_full(errno) || errno == EFBIG)) fail_writing(errno);
}

void File::start_writeback(std::uint64_t offset, std::uint64_t size) const {
  constexpr std::uint64_t worthwhile = 1U << 18U;
  if (size < worthwhile) return;
  static_cast<void>(syscalls().start_writeback(fd_, static_cast<off_t>(offset), static_cast<off_t>(size)));
}

void File::sync() const {
  if (retry([&] { return syscalls().fsync(fd_); }) != 0) fail_writing(errno);
}

void File::close() {
  // Not retried on EINTR: on Linux the descriptor is gone even so.
  if (syscalls().close(std::exchange(fd_, -1)) != 0 && errno != EINTR) fail_writing(errno);
}

void File::fail_writing(int error) const {
  const std::string message = fmt::format("cannot write {}: {}", label_, system_message(error));
  if (is_disk_full(error)) throw DiskFull(message, "free some space, or write to another disk");
  throw Error(ErrorKind::io, message);
}

void File::fail_without_room(std::uint64_t size, std::uint64_t room) const {
  throw DiskFull(fmt::format("cannot write {}: it takes {}, and {} are free there", label_,
                             human_bytes(static_cast<double>(size)), human_bytes(static_cast<double>(room))),
                 "free some space, or write to another disk");
}

std::uint64_t copy_in_kernel(int in, std::uint64_t in_offset, int out, std::uint64_t out_offset, std::uint64_t size) {
  // Pages can only be handed over whole: with other offsets it is slower than pread and pwrite (measured: 1.9 against 4-5
  // GB/s).
  constexpr std::uint64_t page = 4096;
  constexpr std::uint64_t worthwhile = 256U << 10U;
  if (in < 0 || out < 0 || size < worthwhile || in_offset % page != out_offset % page) return 0;
  std::uint64_t copied = 0;
  while (copied < size) {
    const ssize_t n = retry([&] {
      return syscalls().copy_file_range(in, static_cast<off_t>(in_offset + copied), out,
                                        static_cast<off_t>(out_offset + copied),
                                        std::min<std::uint64_t>(size - copied, max_transfer));
    });
    if (n <= 0) break;
    copied += static_cast<std::uint64_t>(n);
  }
  return copied;
}

}  // namespace kvcache::detail
