// SHA-256 (FIPS 180-4), for digests of model files and token ids. Our own, because no library that has it links into the static
// tool for less than some hundred kilobytes; tests hold it to NIST's vectors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace kvcache::detail {

class Sha256 {
 public:
  void update(std::span<const std::byte> data);
  /// 64 hex digits. Ends the computation.
  [[nodiscard]] std::string hex();

 private:
  static constexpr std::size_t block_bytes = 64;
  void block(const std::byte* data);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, block_bytes> rest_{};  // bytes that do not fill a block yet
  std::uint64_t size_ = 0;                     // of everything so far
};

}  // namespace kvcache::detail
