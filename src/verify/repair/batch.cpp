// Batches: offsets and paddings that do not add up, and the fields of a batched window.
#include <fmt/format.h>

#include <algorithm>

#include "verify/repair/options.h"

namespace kvcache::detail {
namespace {

/// What sequence b has seen, by the other batches of the file.
Votes offsets_of(const Examination& all, std::size_t b, std::size_t sequences) {
  const auto pick = [b, sequences](const auto& s) {
    return s.offset.size() == sequences ? std::optional<std::int64_t>(s.offset[b]) : std::nullopt;
  };
  Votes votes = all.votes<BatchKVCache>(pick);
  const Votes windows = all.votes<BatchRotatingKVCache>(pick);
  for (const auto& [value, where] : windows.all()) votes.add(value, where);
  return votes;
}

struct Numbers {
  std::int64_t offset = 0;
  std::int64_t left_padding = 0;
};

/// For every sequence whose numbers `wrong` dislikes: offset or left padding from the other one, whichever `legal` allows.
template <typename Class, typename Wrong, typename Legal>
Options numbers_of_sequences(const typename Class::State& s, std::int64_t rows, const Examination& all, Wrong wrong,
                             Legal legal) {
  Options options;
  typename Class::State state = s;
  std::string what;
  bool backed = true;
  const std::size_t sequences = std::min(s.offset.size(), s.left_padding.size());
  for (std::size_t b = 0; b < sequences; ++b) {
    const Numbers now{s.offset[b], s.left_padding[b]};
    if (!wrong(now)) continue;
    const Votes votes = offsets_of(all, b, sequences);
    std::vector<Numbers> answers;
    for (const Numbers& n : {Numbers{rows - now.left_padding, now.left_padding}, Numbers{now.offset, rows - now.offset}})
      if (legal(n) && !votes.contradict(n.offset)) answers.push_back(n);
    // Both numbers are wrong, and the other batches know the offset.
    if (const auto known = votes.agreed(); answers.empty() && known && legal({*known, rows - *known}))
      answers.push_back({*known, rows - *known});
    if (answers.size() != 1) {
      for (const Numbers& n : answers)
        options.more.push_back(fmt::format("offset {} and left_padding {} of sequence {}", n.offset, n.left_padding, b));
      return options;
    }
    const Numbers& n = answers.front();
    backed = backed && votes.agree_on(n.offset);
    if (!what.empty()) what += ", ";
    what += n.offset != now.offset && n.left_padding != now.left_padding
                ? fmt::format("offset {} and left_padding {} of sequence {} become {} and {}", now.offset, now.left_padding, b,
                              n.offset, n.left_padding)
            : n.offset != now.offset
                ? fmt::format("offset {} of sequence {} becomes {}", now.offset, b, n.offset)
                : fmt::format("left_padding {} of sequence {} becomes {}", now.left_padding, b, n.left_padding);
    state.offset[b] = static_cast<std::int32_t>(n.offset);
    state.left_padding[b] = static_cast<std::int32_t>(n.left_padding);
  }
  options.add<Class>(std::move(state), std::move(what),
                     backed ? "as the rows and the other layers have it" : "as the rows have it", backed);
  return options;
}

using Window = BatchRotatingKVCache::State;

Options window_fields(const Window& s, const Examination& all) {
  const std::int64_t rows = rows_in(s.keys);
  Options options;
  const auto propose = [&](std::int64_t Window::*field, std::string_view name, std::int64_t value, std::string_view because,
                           bool backed) {
    if (s.*field == value) return;
    Window state = s;
    state.*field = value;
    options.add<BatchRotatingKVCache>(std::move(state), fmt::format("{} {} becomes {}", name, s.*field, value),
                                      std::string(because), backed);
  };
  const auto votes = [&](std::int64_t Window::*field, bool alike) {
    return all.votes<BatchRotatingKVCache>([&s, field, alike, rows](const Window& other) {
      const bool same = other.max_size == s.max_size && rows_in(other.keys) == rows;
      return !alike || same ? std::optional(other.*field) : std::nullopt;
    });
  };
  if (const auto size = votes(&Window::max_size, false).agreed())
    propose(&Window::max_size, "max_size", *size, as_the_others, true);
  if (const auto total = votes(&Window::total, true).agreed()) {
    propose(&Window::total, "_offset", *total, as_the_others, true);
  } else if (!s.rotated && s.idx == rows && rows < s.max_size) {
    propose(&Window::total, "_offset", rows, "the number of rows and _idx", false);
  }
  const bool has_wrapped = s.total > s.max_size && rows == s.max_size;
  if (const auto idx = votes(&Window::idx, true).agreed()) {
    propose(&Window::idx, "_idx", *idx, as_the_others, true);
  } else if (!s.rotated) {
    propose(&Window::idx, "_idx", rows, "the number of rows", false);
  } else if (has_wrapped && (s.idx < 1 || s.idx > rows)) {
    options.more.push_back(fmt::format("any _idx from 1 to {}", rows));
  }
  // mlx-lm takes every text for True, and writes that when it saves what it has loaded.
  if (s.rotated || has_wrapped) {
    Window state = s;
    state.rotated = !s.rotated;
    const bool backed = votes(&Window::idx, true).agree_on(s.idx);
    options.add<BatchRotatingKVCache>(
        std::move(state), fmt::format("rotated {} becomes {}", s.rotated ? "True" : "False", s.rotated ? "False" : "True"),
        s.rotated ? "the ring has not wrapped: mlx-lm saves True for what it loaded as False" : "_idx is inside a full ring",
        backed);
  }
  return options;
}

}  // namespace

Options options_for_batch(const Place& place, std::string_view code, const Examination& all) {
  if (code != "KV451" && code != "KV452") return {};
  const auto& s = place.as<BatchKVCache>()->state();
  const std::int64_t rows = rows_in(s.keys);
  return numbers_of_sequences<BatchKVCache>(
      s, rows, all, [rows](const Numbers& n) { return n.left_padding < 0 || n.offset + n.left_padding != rows; },
      [rows](const Numbers& n) { return n.left_padding >= 0 && n.left_padding <= rows; });
}

Options options_for_batch_rotating(const Place& place, std::string_view code, const Examination& all) {
  const Window& s = place.as<BatchRotatingKVCache>()->state();
  const std::int64_t rows = rows_in(s.keys);
  if (code == "KV465")
    return numbers_of_sequences<BatchRotatingKVCache>(
        s, rows, all, [rows](const Numbers& n) { return n.offset + n.left_padding < rows; },
        [](const Numbers& n) { return n.offset >= 0; });
  if (code == "KV701") {
    Options options;
    Window state = s;
    state.rotated = true;
    options.add<BatchRotatingKVCache>(std::move(state), "rotated False becomes True",
                                      "in a full ring with _idx at its end both mean the same, and mlx-lm reads nothing else",
                                      false);
    return options;
  }
  return window_fields(s, all);
}

}  // namespace kvcache::detail
