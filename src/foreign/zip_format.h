// What the reader and the writer of ZIP archives share of PKWARE's APPNOTE.
#pragma once

#include <cstdint>

namespace kvcache::foreign {

inline constexpr std::uint32_t local_mark = 0x04034b50;
inline constexpr std::uint32_t entry_mark = 0x02014b50;
inline constexpr std::uint32_t end_mark = 0x06054b50;
inline constexpr std::uint32_t end64_mark = 0x06064b50;
inline constexpr std::uint32_t locator64_mark = 0x07064b50;
inline constexpr std::uint64_t end64_bytes = 56;
inline constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;  ///< a size or an offset that a field of ZIP64 holds
inline constexpr std::uint16_t zip64_field = 1;

}  // namespace kvcache::foreign
