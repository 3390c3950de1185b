#include "safetensors/input_stream.h"

#include <algorithm>
#include <array>

namespace kvcache::detail {
namespace {

bool is_gzip_magic(std::span<const std::byte> start) {
  return start.size() >= 2 && start[0] == std::byte{0x1F} && start[1] == std::byte{0x8B};
}

}  // namespace

std::size_t RawStream::read(std::span<std::byte> out) {
  if (!ahead_.empty()) {
    const std::size_t n = std::min(out.size(), ahead_.size());
    std::copy_n(ahead_.begin(), n, out.begin());
    ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }
  const std::size_t n = file_.read_some(out);
  consumed_ += n;
  return n;
}

bool RawStream::begins_with_gzip() {
  ahead_.resize(2);
  std::size_t have = 0;
  while (have < ahead_.size()) {  // a pipe may deliver single bytes
    const std::size_t n = file_.read_some(std::span(ahead_).subspan(have));
    if (n == 0) break;
    have += n;
  }
  ahead_.resize(have);
  consumed_ = have;
  return is_gzip_magic(ahead_);
}

std::size_t SourceStream::read(std::span<std::byte> out) {
  const auto part = out.first(std::min<std::uint64_t>(out.size(), size_ - position_));
  if (!part.empty()) source_.read_at(position_, part);
  position_ += part.size();
  return part.size();
}

bool begins_with_gzip(const ByteSource& source) {
  std::array<std::byte, 2> start{};
  if (source.size() < start.size()) return false;
  source.read_at(0, start);
  return is_gzip_magic(start);
}

}  // namespace kvcache::detail
