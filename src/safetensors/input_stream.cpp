#include "safetensors/input_stream.h"

#include <algorithm>

namespace kvcache::detail {

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
  return have == 2 && ahead_[0] == std::byte{0x1F} && ahead_[1] == std::byte{0x8B};
}

}  // namespace kvcache::detail
