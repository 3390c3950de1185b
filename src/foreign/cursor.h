// Reads a binary file from front to back in small pieces, and never behind its end.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "foreign/little_endian.h"
#include "kvcache/byte_source.h"
#include "kvcache/error.h"

namespace kvcache::foreign {

/// Integers are little-endian. Everything throws Error(unreadable) where the source ends before.
class Cursor {
 public:
  explicit Cursor(const ByteSource& source) : source_(&source), end_(source.size()) {}

  [[nodiscard]] std::uint64_t position() const { return at_; }
  [[nodiscard]] std::uint64_t left() const { return end_ - at_; }
  /// To a place that was passed before, or skip() has not been able to go beyond.
  void go_to(std::uint64_t position) { at_ = std::min(position, end_); }

  void skip(std::uint64_t bytes) {
    need(bytes);
    at_ += bytes;
  }
  /// So many elements of so many bytes.
  void skip(std::uint64_t count, std::uint64_t bytes) {
    if (bytes != 0 && count > left() / bytes) throw Error(ErrorKind::unreadable, "the file is cut off");
    at_ += count * bytes;
  }
  template <std::integral T>
  T number() {
    std::array<char, sizeof(T)> bytes{};
    read(bytes.data(), bytes.size());
    return read_le<T>(std::string_view(bytes.data(), bytes.size()));
  }
  std::string text(std::uint64_t bytes) {
    need(bytes);
    std::string out(static_cast<std::size_t>(bytes), '\0');
    read(out.data(), out.size());
    return out;
  }

 private:
  void need(std::uint64_t bytes) const {
    if (bytes > left()) throw Error(ErrorKind::unreadable, "the file is cut off");
  }
  void read(char* out, std::size_t bytes) {
    need(bytes);
    while (bytes > 0) {
      if (at_ < buffered_ || at_ >= buffered_ + have_) fill();
      const auto from = static_cast<std::size_t>(at_ - buffered_);
      const std::size_t n = std::min(bytes, have_ - from);
      std::copy_n(buffer_.data() + from, n, out);
      out += n;
      bytes -= n;
      at_ += n;
    }
  }
  void fill() {
    buffered_ = at_;
    have_ = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), left()));
    source_->read_at(at_, std::as_writable_bytes(std::span(buffer_).first(have_)));
  }

  const ByteSource* source_;
  std::uint64_t end_;
  std::uint64_t at_ = 0;
  std::uint64_t buffered_ = 0;  // where the buffer begins in the source
  std::size_t have_ = 0;        // bytes in it
  std::array<char, 16384> buffer_{};
};

}  // namespace kvcache::foreign
