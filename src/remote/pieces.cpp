#include "remote/pieces.h"

#include <algorithm>

namespace kvcache::remote {
namespace {

ByteRange clipped(ByteRange range, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t first = std::clamp(range.offset, begin, std::max(begin, end));
  const std::uint64_t size = std::min(range.size, range.offset < end ? end - range.offset : 0);
  const std::uint64_t last = std::max(first, range.offset + size);
  return {first, last - first};
}

void cut(const PlannedPiece& joined, std::uint64_t most, std::vector<PlannedPiece>& out) {
  // What lies in gaps is spread over the pieces: a piece is done with a little early or late, which costs a request at worst.
  std::uint64_t wanted = joined.wanted;
  for (std::uint64_t done = 0; done < joined.range.size;) {
    const std::uint64_t size = std::min(most, joined.range.size - done);
    const std::uint64_t part = std::min(wanted, size);
    out.push_back({{joined.range.offset + done, size}, part});
    wanted -= part;
    done += size;
  }
}

}  // namespace

std::vector<PlannedPiece> plan_pieces(std::span<const ByteRange> ranges, std::uint64_t begin, std::uint64_t end,
                                      std::uint64_t gap, std::uint64_t most) {
  std::vector<PlannedPiece> out;
  PlannedPiece joined;
  for (const ByteRange& range : ranges) {
    const ByteRange next = clipped(range, begin, end);
    if (next.size == 0) continue;
    const std::uint64_t joined_end = joined.range.offset + joined.range.size;
    if (joined.range.size > 0 && next.offset >= joined_end && next.offset - joined_end < gap) {
      joined.range.size = next.offset + next.size - joined.range.offset;
      joined.wanted += next.size;
      continue;
    }
    cut(joined, most, out);
    joined = {next, next.size};
  }
  cut(joined, most, out);
  return out;
}

}  // namespace kvcache::remote
