// Holes of files: runs of zeros that take no room on the disk and no time to write.
#pragma once

#include <cstdint>

namespace kvcache::detail {

/// Runs shorter than this are written: each hole is a call, and an extent more for the file system to keep.
inline constexpr std::uint64_t worthwhile_hole = 256U << 10U;

/// Bytes of zeros from `offset` on, at most `size`, that lie in a hole of the file `in` (-1: none). 0 where there is none, and
/// where the file system does not tell.
[[nodiscard]] std::uint64_t hole_at(int in, std::uint64_t offset, std::uint64_t size);
/// Bytes from `offset` on, at most `size` and more than 0, up to the next hole of at least a page.
[[nodiscard]] std::uint64_t data_at(int in, std::uint64_t offset, std::uint64_t size);

/// Make bytes [offset, offset + size) of the file `out` (-1: none) zeros without writing them. False where the system cannot:
/// then they are to be written. Behind the end it does nothing, so that the file has to be given its size (reach()).
[[nodiscard]] bool make_hole(int out, std::uint64_t offset, std::uint64_t size);
/// Lengthens a file that ends before `size`. Throws Error(io).
void reach(int out, std::uint64_t size);

}  // namespace kvcache::detail
