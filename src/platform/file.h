// Open files: whole transfers or an error, whatever the operating system delivers in one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "platform/file_times.h"

namespace kvcache::detail {

/// What every process has open.
constexpr int standard_input = 0;
constexpr int standard_output = 1;

/// Owns a descriptor. Safe for concurrent pread_all and pwrite_all.
class File {
 public:
  File() = default;
  /// `label`: what messages call it.
  File(int fd, std::string label) : fd_(fd), label_(std::move(label)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  /// Opens a regular file for reading. Never blocks and never opens a FIFO, a device, a socket or a directory. `is_regular`:
  /// its folder's listing has just said that it is no link and a regular file, so it is not asked for before it is opened.
  /// Throws Error(io, code KV100).
  static File open_input(const std::string& path, bool is_regular = false);
  /// The same, and pipes: a FIFO, or what a shell puts for <(COMMAND). A pipe is waited for as long as somebody has its other
  /// end, but not for somebody to come: Error(io, code KV100) when nobody does within a second.
  static File open_input_or_pipe(const std::string& path);
  /// A descriptor of the caller's, which stays open.
  static File borrowed(int fd, std::string label);
  /// An unlinked file in $TMPDIR or /tmp: gone when it is closed, whatever happens.
  static File temporary();

  [[nodiscard]] int descriptor() const noexcept { return fd_; }
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  /// It comes once and in order, and has no size.
  [[nodiscard]] bool is_pipe() const noexcept { return pipe_; }
  [[nodiscard]] std::uint64_t size() const;
  /// Of a regular file of open_input() and open_input_or_pipe(): what they were then, without asking again.
  [[nodiscard]] std::uint64_t size_when_opened() const noexcept { return when_opened_.size; }
  [[nodiscard]] const FileTimes& times_when_opened() const noexcept { return when_opened_; }
  /// Up to out.size() bytes from where the last call ended; 0 at the end. Throws Error(io, code KV100).
  [[nodiscard]] std::size_t read_some(std::span<std::byte> out) const;
  /// Fill `out`. Throws Error(io, code KV100), also when the file ends before.
  void pread_all(std::uint64_t offset, std::span<std::byte> out) const;
  /// Throws Error(io).
  void pwrite_all(std::uint64_t offset, std::span<const std::byte> data) const;
  /// Where the last one ended, as what cannot seek wants it. Throws Error(io).
  void write_all(std::span<const std::byte> data) const;
  /// Reserve room for `size` bytes: writing is then faster (measured: 1.7 to 2.8 times), and a full disk is noticed before the
  /// work. Throws Error(io) for a full disk; file systems that cannot do it are fine.
  void preallocate(std::uint64_t size) const;
  /// Let the disk begin with what was written there, while the caller computes on: sync() then has less to wait for, and it is
  /// also what reports any error. Ranges too short to be worth a call are left to sync().
  void start_writeback(std::uint64_t offset, std::uint64_t size) const;
  void sync() const;
  /// Close and report what the system has to say: on NFS, that earlier writes were lost.
  void close();

 private:
  [[noreturn]] void fail_writing(int error) const;
  [[noreturn]] void fail_without_room(std::uint64_t size, std::uint64_t room) const;

  int fd_ = -1;
  bool owned_ = true;
  FileTimes when_opened_;
  bool pipe_ = false;
  mutable bool heard_ = false;  // of a pipe: somebody has, or had, its other end
  std::string label_;
};

/// Let the kernel copy up to `size` bytes between files, where that is worth it and both are (-1 is none). Returns how many it
/// copied, from the front; the rest, all of it where the kernel cannot, is up to the caller, who will meet any error as well.
[[nodiscard]] std::uint64_t copy_in_kernel(int in, std::uint64_t in_offset, int out, std::uint64_t out_offset,
                                           std::uint64_t size);

/// "No space left on device"
[[nodiscard]] std::string system_message(int error);

}  // namespace kvcache::detail
