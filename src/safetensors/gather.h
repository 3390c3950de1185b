// Collecting small runs of bytes into large writes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "platform/file.h"

namespace kvcache::detail {

/// Memory of this thread, reused by everything it writes: fresh pages would cost more than the copying (2 GB/s when first
/// touched, memcpy 12). At most one user at a time.
[[nodiscard]] inline std::span<std::byte> thread_buffer(std::size_t size) {
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) buffer.resize(size);
  return std::span(buffer).first(size);
}

/// Consecutive bytes of a file, from `position` on.
class Gather {
 public:
  Gather(const File& out, std::uint64_t position) : out_(out), position_(position), buffer_(thread_buffer(capacity)) {}

  /// Where the next bytes go: as many of `wanted` as there is room for, at least one.
  [[nodiscard]] std::span<std::byte> room(std::uint64_t wanted) {
    if (used_ == buffer_.size()) flush();
    return buffer_.subspan(used_, std::min<std::uint64_t>(wanted, buffer_.size() - used_));
  }
  /// Those bytes have been filled in.
  void advance(std::uint64_t bytes) { used_ += bytes; }
  void flush() {
    out_.pwrite_all(position_, buffer_.first(used_));
    position_ += used_;
    used_ = 0;
  }
  /// The next bytes are written by somebody else.
  void skip(std::uint64_t bytes) {
    flush();
    position_ += bytes;
  }
  /// Position in the file of the next byte.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_ + used_; }

 private:
  static constexpr std::size_t capacity = 1U << 20U;

  const File& out_;
  std::uint64_t position_;
  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
};

}  // namespace kvcache::detail
