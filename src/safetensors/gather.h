// Collecting small runs of bytes into large writes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "kvcache/byte_sink.h"
#include "tensor/scratch.h"

namespace kvcache::detail {

/// Consecutive bytes of a sink, from `position` on.
class Gather {
 public:
  Gather(ByteSink& out, std::uint64_t position) : out_(out), position_(position), buffer_(scratch_.first(capacity)) {}

  /// Where the next bytes go: as many of `wanted` as there is room for, at least one.
  [[nodiscard]] std::span<std::byte> room(std::uint64_t wanted) {
    if (used_ == buffer_.size()) flush();
    return buffer_.subspan(used_, std::min<std::uint64_t>(wanted, buffer_.size() - used_));
  }
  /// Those bytes have been filled in.
  void advance(std::uint64_t bytes) { used_ += bytes; }
  void flush() {
    out_.write_at(position_, buffer_.first(used_));
    position_ += used_;
    used_ = 0;
  }
  /// The next bytes are written by somebody else.
  void skip(std::uint64_t bytes) {
    flush();
    position_ += bytes;
  }
  /// Where the next byte goes.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_ + used_; }

 private:
  static constexpr std::size_t capacity = 1U << 20U;

  ByteSink& out_;
  std::uint64_t position_;
  Scratch scratch_{capacity};
  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
};

}  // namespace kvcache::detail
