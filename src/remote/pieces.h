// What to fetch for ranges that will be needed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kvcache/byte_source.h"

namespace kvcache::remote {

/// A piece to fetch, of which so many bytes were asked for; the others lie in gaps.
struct PlannedPiece {
  ByteRange range;
  std::uint64_t wanted = 0;
};

/// Ranges in the order of their need, as pieces in the same order: those that follow one another with less than `gap` bytes
/// between them are fetched as one, and none is longer than `most`. Nothing is fetched beyond `end`, or before `begin`.
[[nodiscard]] std::vector<PlannedPiece> plan_pieces(std::span<const ByteRange> ranges, std::uint64_t begin, std::uint64_t end,
                                                    std::uint64_t gap, std::uint64_t most);

}  // namespace kvcache::remote
