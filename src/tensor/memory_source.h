// Bytes in memory as a ByteSource: what Tensor::of_bytes stands on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kvcache/tensor.h"

namespace kvcache::detail {

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::vector<std::byte> bytes);
  [[nodiscard]] std::uint64_t size() const override;
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace kvcache::detail
