#include "platform/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include "common/quote.h"
#include "kvcache/error.h"
#include "platform/disk_full.h"
#include "platform/retry.h"
#include "platform/stop.h"
#include "platform/syscalls.h"
#include "platform/unique_name.h"

namespace kvcache::detail {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// What a symbolic link leads to, whether or not that exists (realpath() wants it to). errno is ELOOP and the result nothing
// where it does not end.
std::optional<std::string> follow_links(std::string path) {
  std::array<char, 4096> link{};
  for (int depth = 0; depth < 40; ++depth) {
    const ssize_t n = syscalls().readlink(path.c_str(), link.data(), link.size());
    if (n < 0) return path;  // not a link, or nothing there
    const std::string to(link.data(), static_cast<std::size_t>(n));
    path = to.starts_with('/') ? to : folder_of(path).append("/").append(to);
  }
  errno = ELOOP;
  return std::nullopt;
}

}  // namespace

OutputFile::OutputFile(const std::string& path, const FileSinkOptions& options)
    : path_(path), shown_(in_quotes(path, 4096)), overwrite_(options.overwrite), durable_(options.durable) {
  std::optional<std::string> target = follow_links(path);
  if (!target) fail(errno);
  target_ = std::move(*target);
  folder_ = folder_of(target_);
  name_ = target_.substr(target_.rfind('/') + 1);

  struct stat status {};
  if (syscalls().stat(target_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw Error(ErrorKind::usage, fmt::format("{} is a directory", shown_), "name a file in it");
    // Renaming over a device would replace the device itself.
    if (!S_ISREG(status.st_mode)) throw Error(ErrorKind::usage, fmt::format("{} is not a regular file", shown_));
    if (!overwrite_) fail_exists();
    replaces_ = true;
  } else if (errno != ENOENT) {
    fail(errno);
  }
  if (name_.empty()) throw Error(ErrorKind::usage, fmt::format("{} does not name a file", shown_), "name a file in it");
  create(options);
  try {
    if (!options.keep_mode_of.empty()) keep_mode_of(options.keep_mode_of);
  } catch (...) {
    remove_hidden();
    throw;
  }
}

OutputFile::~OutputFile() {
  remove_hidden();
}

void OutputFile::abort() noexcept {
  remove_hidden();
  file_ = File();  // one without a name is gone with its descriptor
}

void OutputFile::remove_hidden() noexcept {
  if (!hidden_.empty()) syscalls().unlink(hidden_.c_str());
  hidden_.clear();
}

void OutputFile::create(const FileSinkOptions& options) {
  const mode_t mode = options.private_mode || !options.keep_mode_of.empty() ? 0600 : 0666;
  int fd = retry([&] { return syscalls().open_nameless(folder_.c_str(), mode); });
  nameless_ = fd >= 0;
  if (!nameless_) {
    // File systems say in many ways that they cannot; what is a real obstacle will be one here as well.
    auto [named, path] = create_unique(folder_, name_, mode);
    if (named < 0) fail(errno);
    fd = named;
    hidden_ = std::move(path);
  }
  file_ = File(fd, shown_);
}

void OutputFile::keep_mode_of(const std::string& path) {
  struct stat status {};
  const int fd = file_.descriptor();
  if (syscalls().stat(path.c_str(), &status) != 0) fail(errno);
  mode_t mode = status.st_mode & 0777U;
  // Only root may give files away; everybody else keeps the group where they are in it, and owns the file.
  if (syscalls().fchown(fd, status.st_uid, status.st_gid) != 0 &&
      syscalls().fchown(fd, static_cast<uid_t>(-1), status.st_gid) != 0) {
    // Another group must not get what only the old one could do: no more than everybody could.
    mode &= ~070U | (mode & 07U) << 3U;
  }
  if (syscalls().fchmod(fd, mode) != 0) fail(errno);
}

void OutputFile::commit() {
  if (durable_)
    flush();
  else
    throw_if_stopped();
  give_name();
  if (!durable_ || detail::sync_folder(folder_) == 0) return;
  const int error = errno;
  if (!replaces_) syscalls().unlink(target_.c_str());
  fail(error);
}

void OutputFile::flush() {
  throw_if_stopped();
  file_.sync();
}

void OutputFile::give_name() {
  if (nameless_ && !overwrite_) {
    publish_nameless();
  } else {
    publish_hidden();
  }
}

void OutputFile::publish_nameless() {
  if (retry([&] { return syscalls().link_nameless(file_.descriptor(), target_.c_str()); }) != 0) {
    if (errno == EEXIST) fail_exists();
    fail(errno);
  }
  try {
    file_.close();
  } catch (...) {
    syscalls().unlink(target_.c_str());
    throw;
  }
}

void OutputFile::publish_hidden() {
  Syscalls& call = syscalls();
  if (nameless_) {
    // linkat cannot replace a file, rename can: by way of a hidden name.
    auto [result, path] =
        with_unique_name(folder_, name_, [&](const char* name) { return call.link_nameless(file_.descriptor(), name); });
    if (result != 0) fail(errno);
    hidden_ = std::move(path);
  }
  file_.close();
  if (overwrite_) {
    if (call.rename(hidden_.c_str(), target_.c_str()) != 0) fail(errno);
    hidden_.clear();
    return;
  }

  if (move_to_new_target() != 0) {
    if (errno == EEXIST) fail_exists();
    fail(errno);
  }
  if (!hidden_.empty() && call.unlink(hidden_.c_str()) != 0) {
    const int error = errno;
    call.unlink(target_.c_str());
    fail(error);
  }
  hidden_.clear();
}

// Three ways, as not every file system has the better ones. Afterwards hidden_ is empty unless that name is still there.
int OutputFile::move_to_new_target() {
  Syscalls& call = syscalls();
  int result = call.rename_new(hidden_.c_str(), target_.c_str());
  if (result != 0 && errno != EEXIST) {
    // NFS has no rename of that kind, but it has links.
    result = call.link(hidden_.c_str(), target_.c_str());
    if (result == 0 || errno == EEXIST) return result;
    // FAT below macOS or FUSE has neither. Only here could a file that somebody creates in this moment be replaced.
    struct stat status {};
    if (call.stat(target_.c_str(), &status) == 0 || errno != ENOENT) return -1;
    result = call.rename(hidden_.c_str(), target_.c_str());
  }
  if (result == 0) hidden_.clear();
  return result;
}

int sync_folder(const std::string& path) {
  const int fd = retry([&] { return syscalls().open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0); });
  if (fd < 0) return errno == EACCES ? 0 : -1;  // a folder that may be written to but not read
  const File folder(fd, path);
  if (retry([&] { return syscalls().fsync(fd); }) == 0) return 0;
  // Some network and FUSE file systems have nothing to flush.
  return errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : -1;
}

void OutputFile::fail(int error) const {
  const std::string message = fmt::format("cannot create {}: {}", shown_, system_message(error));
  if (is_disk_full(error)) throw DiskFull(message, "free some space, or write to another disk");
  throw Error(ErrorKind::io, message, error == ENOENT ? "create its folder first" : "");
}

void OutputFile::fail_exists() const {
  throw Error(ErrorKind::usage, fmt::format("{} exists already", shown_),
              Remedy(Remedy::Action::repeat, {{"overwrite", ""}}) + " replaces it");
}

}  // namespace kvcache::detail
