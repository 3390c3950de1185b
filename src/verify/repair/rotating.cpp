// Sliding windows: a field that contradicts the rows, or the windows beside it.
#include <fmt/format.h>

#include "verify/repair/options.h"

namespace kvcache::detail {

using RotatingState = RotatingKVCache::State;

Options options_for_rotating(const Place& place, std::string_view, const Examination& all) {
  const RotatingState& s = place.as<RotatingKVCache>()->state();
  const std::int64_t rows = rows_in(s.keys);
  Options options;
  // One field at a time: two wrong ones have no single answer.
  const auto propose = [&](std::int64_t RotatingState::*field, std::string_view name, std::int64_t value,
                           std::string_view because, bool backed) {
    if (s.*field == value) return;
    RotatingState state = s;
    state.*field = value;
    options.add<RotatingKVCache>(std::move(state), fmt::format("{} {} becomes {}", name, s.*field, value), std::string(because),
                                 backed);
  };
  const auto field_votes = [&](std::int64_t RotatingState::*field) {
    return all.votes<RotatingKVCache>([field](const RotatingState& other) { return std::optional(other.*field); });
  };
  if (const auto keep = field_votes(&RotatingState::keep).agreed())
    propose(&RotatingState::keep, "keep", *keep, as_the_others, true);
  if (const auto size = field_votes(&RotatingState::max_size).agreed())
    propose(&RotatingState::max_size, "max_size", *size, as_the_others, true);

  // Layers of one model take every token together: windows alike in all else have the same ring index.
  const Votes idx = all.votes<RotatingKVCache>([&](const RotatingState& other) {
    const bool alike =
        other.keep == s.keep && other.max_size == s.max_size && other.offset == s.offset && rows_in(other.keys) == rows;
    return alike ? std::optional(other.idx) : std::nullopt;
  });
  const bool may_be_wrapped = rows == s.max_size && s.offset > s.max_size;
  if (const auto value = idx.agreed()) {
    propose(&RotatingState::idx, "_idx", *value, as_the_others, true);
  } else if (!may_be_wrapped) {
    propose(&RotatingState::idx, "_idx", rows, "the number of rows: the window has not wrapped",
            all.offsets.agree_on(s.offset));
  } else if (s.idx <= s.keep || s.idx > rows) {
    options.more.push_back(fmt::format("any _idx from {} to {}", s.keep + 1, rows));
  }

  if (const auto offset = all.offsets.agreed()) {
    propose(&RotatingState::offset, "offset", *offset, as_the_others, true);
  } else if (s.idx == rows && s.offset < rows && rows < s.max_size) {
    // Ring index and rows are two against one.
    if (!all.offsets.contradict(rows)) propose(&RotatingState::offset, "offset", rows, "the number of rows and _idx", false);
  } else if (s.offset < rows) {
    options.more.push_back(fmt::format("any offset from {}", rows));
  }
  return options;
}

}  // namespace kvcache::detail
