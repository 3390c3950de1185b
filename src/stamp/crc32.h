// CRC-32 as zlib computes it, faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kvcache::detail {

/// The CRC-32 of what has the CRC-32 `crc` (0: nothing) and of `bytes` after it.
[[nodiscard]] std::uint32_t crc32_after(std::uint32_t crc, std::span<const std::byte> bytes);

}  // namespace kvcache::detail
