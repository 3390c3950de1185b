// Chunked attention: rows that do not say how much was dropped in front.
#include <fmt/format.h>

#include "verify/repair/options.h"

namespace kvcache::detail {

using ChunkedState = ChunkedKVCache::State;

Options options_for_chunked(const Place& place, std::string_view code, const Examination& all) {
  const auto* const cache = place.as<ChunkedKVCache>();
  const ChunkedState& s = cache->state();
  const std::int64_t rows = rows_in(s.keys);
  Options options;
  if (code == "KV432") {
    if (all.offsets.disputed()) {
      for (const auto& [value, where] : all.offsets.all())
        options.more.push_back(fmt::format("offset {}, that of {}", value, where));
      return options;
    }
    const std::int64_t offset = cache->offset();
    // The layer that told it is broken itself: another round, when that one is repaired.
    if (!all.offsets.agree_on(offset)) return options;
    const std::int64_t valid = cache->valid_rows();
    options.add<ChunkedKVCache>(
        cache->repaired(),
        rows < offset ? fmt::format("{} rows become {}, of which the first {} hold tokens", rows, offset, valid)
                      : fmt::format("{} rows are cut to {}, of which the first {} hold tokens", rows, offset, valid),
        fmt::format("the other layers are at offset {} and {} tokens were dropped in front", offset, s.start_position), true);
    return options;
  }
  if (code != "KV431" && code != "KV433") return options;
  // Chunks are dropped in all layers at once.
  const Votes sizes = all.votes<ChunkedKVCache>([](const ChunkedState& other) { return other.chunk_size; });
  const Votes starts = all.votes<ChunkedKVCache>([rows](const ChunkedState& other) {
    return rows_in(other.keys) == rows ? std::optional(other.start_position) : std::nullopt;
  });
  if (const auto size = sizes.agreed(); size && s.chunk_size && *s.chunk_size < 1) {
    ChunkedState state = s;
    state.chunk_size = *size;
    options.add<ChunkedKVCache>(std::move(state), fmt::format("chunk_size {} becomes {}", *s.chunk_size, *size),
                                std::string(as_the_others), true);
  }
  if (const auto start = starts.agreed(); start && *start != s.start_position) {
    ChunkedState state = s;
    state.start_position = *start;
    options.add<ChunkedKVCache>(std::move(state), fmt::format("start_position {} becomes {}", s.start_position, *start),
                                std::string(as_the_others), true);
  }
  return options;
}

}  // namespace kvcache::detail
