// System calls that fail on demand.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "platform/syscalls.h"

namespace test {

/// As an error: the call does what it is asked to, but reads or writes one byte at most.
inline constexpr int short_transfer = 0;

/// While it lives, every call of the table is counted, and call number `at` (1 is the first) fails with `error`; `for_good`: so
/// does every later one, as if the power had gone.
class FailingCall {
 public:
  FailingCall(int at, int error, bool for_good = false) : saved_(kvcache::detail::syscalls()) {
    real_ = saved_;
    at_ = at;
    error_ = error;
    for_good_ = for_good;
    count_ = 0;
    replace_all();
  }
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;
  ~FailingCall() { kvcache::detail::syscalls() = saved_; }

  /// Whether the call was reached.
  [[nodiscard]] bool happened() const { return count_ >= at_; }

 private:
  using Table = kvcache::detail::Syscalls;

  // One replacement for each member of the table, which calls the member of the real one.
  template <auto Member, typename Result, typename... Arguments>
  static Result replacement(Arguments... arguments) {
    const int count = ++count_;
    if (count == at_ || (for_good_ && count > at_)) {
      if (error_ == short_transfer) return (real_.*Member)(shortened(arguments)...);
      // A descriptor whose close() reports an error is closed all the same.
      if constexpr (std::is_same_v<decltype(Member), int (*Table::*)(int)>) {
        if (Member == &Table::close) (real_.*Member)(arguments...);
      }
      errno = error_;
      return -1;
    }
    return (real_.*Member)(arguments...);
  }
  // Sizes are the only arguments of this type.
  template <typename Argument>
  static Argument shortened(Argument argument) {
    if constexpr (std::is_same_v<Argument, std::size_t>) return argument < 1 ? argument : 1;
    return argument;
  }
  template <auto Member, typename Result, typename... Arguments>
  static void replace(Result (*&place)(Arguments...)) {
    place = replacement<Member, Result, Arguments...>;
  }
  static void replace_all() {
    Table& table = kvcache::detail::syscalls();
    replace<&Table::open>(table.open);
    replace<&Table::openat>(table.openat);
    replace<&Table::close>(table.close);
    replace<&Table::read>(table.read);
    replace<&Table::wait_readable>(table.wait_readable);
    replace<&Table::write>(table.write);
    replace<&Table::pread>(table.pread);
    replace<&Table::pwrite>(table.pwrite);
    replace<&Table::fsync>(table.fsync);
    replace<&Table::fstat>(table.fstat);
    replace<&Table::stat>(table.stat);
    replace<&Table::fstatat>(table.fstatat);
    replace<&Table::access>(table.access);
    replace<&Table::fchmod>(table.fchmod);
    replace<&Table::fchown>(table.fchown);
    replace<&Table::readlink>(table.readlink);
    replace<&Table::link>(table.link);
    replace<&Table::unlink>(table.unlink);
    replace<&Table::unlinkat>(table.unlinkat);
    replace<&Table::rename>(table.rename);
    replace<&Table::rename_new>(table.rename_new);
    replace<&Table::mkdir>(table.mkdir);
    replace<&Table::flock>(table.flock);
    replace<&Table::open_nameless>(table.open_nameless);
    replace<&Table::link_nameless>(table.link_nameless);
    replace<&Table::copy_file_range>(table.copy_file_range);
    replace<&Table::room_at>(table.room_at);
    replace<&Table::allocate>(table.allocate);
    replace<&Table::make_hole>(table.make_hole);
    replace<&Table::next_data>(table.next_data);
    replace<&Table::next_hole>(table.next_hole);
    replace<&Table::set_size>(table.set_size);
    replace<&Table::start_writeback>(table.start_writeback);
  }

  Table saved_;
  inline static Table real_;
  inline static int at_, error_;
  inline static bool for_good_;
  inline static std::atomic<int> count_;
};

/// While it lives, knows which files have data that a power cut would lose: written since their last fsync.
class UnsyncedData {
 public:
  UnsyncedData() : saved_(kvcache::detail::syscalls()) {
    real_ = saved_;
    files_.clear();
    auto& table = kvcache::detail::syscalls();
    table.pwrite = [](int fd, const void* data, std::size_t size, off_t offset) {
      return written(fd, real_.pwrite(fd, data, size, offset));
    };
    table.copy_file_range = [](int in, off_t in_offset, int out, off_t out_offset, std::size_t size) {
      return written(out, real_.copy_file_range(in, in_offset, out, out_offset, size));
    };
    table.make_hole = [](int fd, off_t offset, off_t size) {
      const int result = real_.make_hole(fd, offset, size);
      written(fd, result == 0 ? 1 : 0);
      return result;
    };
    table.fsync = [](int fd) {
      const std::lock_guard lock(mutex_);
      files_.erase(inode(fd));
      return real_.fsync(fd);
    };
  }
  UnsyncedData(const UnsyncedData&) = delete;
  UnsyncedData& operator=(const UnsyncedData&) = delete;
  ~UnsyncedData() { kvcache::detail::syscalls() = saved_; }

  /// What the power cut does to the files of a folder.
  static void lose(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      struct stat status {};
      if (::stat(entry.path().c_str(), &status) == 0 && files_.contains(status.st_ino))
        std::filesystem::resize_file(entry.path(), 0);
    }
  }

 private:
  static ino_t inode(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
  }
  static ssize_t written(int fd, ssize_t result) {
    const std::lock_guard lock(mutex_);
    if (result > 0) files_.insert(inode(fd));
    return result;
  }

  kvcache::detail::Syscalls saved_;
  inline static kvcache::detail::Syscalls real_;
  inline static std::mutex mutex_;
  inline static std::set<ino_t> files_;
};

/// While it lives, `member` of the table is `replacement`.
template <typename Function>
class Replaced {
 public:
  Replaced(Function kvcache::detail::Syscalls::*member, Function replacement)
      : member_(member), saved_(std::exchange(kvcache::detail::syscalls().*member, replacement)) {}
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;
  ~Replaced() { kvcache::detail::syscalls().*member_ = saved_; }

 private:
  Function kvcache::detail::Syscalls::*member_;
  Function saved_;
};
template <typename Function, typename Lambda>
Replaced(Function kvcache::detail::Syscalls::*, Lambda) -> Replaced<Function>;

}  // namespace test
