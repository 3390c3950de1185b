// The part of CRC-32 that takes time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kvcache::simd {

/// Folds the beginning of `bytes`, which follow bytes of the CRC-32 `crc` (0: none), into 16 bytes: their CRC, begun with a
/// register of zeros, is that of all of it. Returns how many were folded, a multiple of 64, and 0 where this machine has no
/// instruction for it or there are too few.
[[nodiscard]] std::size_t fold_crc32(std::uint32_t crc, std::span<const std::byte> bytes, std::span<std::byte, 16> out);

}  // namespace kvcache::simd
