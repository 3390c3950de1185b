// The start of a file in one read instead of three.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "kvcache/byte_source.h"
#include "tensor/scratch.h"

namespace kvcache::detail {

/// A source whose first bytes, in which most headers end, are read at once and kept. For the time a header is read: the source
/// has to outlive it.
class StartSource final : public ByteSource {
 public:
  explicit StartSource(const ByteSource& source)
      : source_(source), size_(source.size()), start_(scratch_.first(std::min<std::uint64_t>(size_, at_once))) {
    if (!start_.empty()) source.read_at(0, start_);
  }
  [[nodiscard]] std::string label() const override { return source_.label(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > start_.size() || out.size() > start_.size() - offset) return source_.read_at(offset, out);
    std::copy_n(start_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }

 private:
  static constexpr std::size_t at_once = 16U << 10U;

  const ByteSource& source_;
  const std::uint64_t size_;
  const Scratch scratch_{at_once};  ///< the same for each of ten thousand files
  const std::span<std::byte> start_;
};

}  // namespace kvcache::detail
