// Checksums of arrays on their way into a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "kvcache/safetensors.h"
#include "safetensors/late_header.h"

namespace kvcache::detail {

/// The checksum of each array of the runs of it that pass by. Runs that touch become one, so that there are few at a time.
class PassingChecksums final : public DataObserver {
 public:
  explicit PassingChecksums(std::size_t arrays) : runs_(arrays) {}

  void bytes(std::size_t tensor, std::uint64_t begin, std::span<const std::byte> data) override;
  void zeros(std::size_t tensor, std::uint64_t begin, std::uint64_t count) override;
  /// When all of them have passed: CRC-32 by the keys of `tensors`, which are the ones that are written.
  [[nodiscard]] std::map<std::string, std::uint32_t> by_key(const std::vector<NamedTensor>& tensors) const;

 private:
  struct Run {
    std::uint64_t size;
    std::uint32_t crc;
  };

  void add(std::size_t tensor, std::uint64_t begin, Run run);

  std::mutex mutex_;
  std::vector<std::map<std::uint64_t, Run>> runs_;  ///< of each array, by where they begin
};

}  // namespace kvcache::detail
