#include "tensor/memory_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::detail {

MemorySource::MemorySource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

std::uint64_t MemorySource::size() const {
  return bytes_.size();
}

void MemorySource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    throw Error(ErrorKind::io,
                fmt::format("{} bytes at {} reach past the end of {} bytes in memory", out.size(), offset, bytes_.size()));
  }
  std::copy_n(bytes_.data() + offset, out.size(), out.data());
}

}  // namespace kvcache::detail
