// "did you mean": the nearest of several words.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::detail {

/// Typing errors between two words: letters changed, added, left out, or two neighbours swapped (optimal string alignment).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the matrix are enough.
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(previous);
    previous.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

[[nodiscard]] inline std::string in_small_letters(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// The candidate with the fewest typing errors from `word`; empty when even that one is too far away to be what was meant: more
/// than one error per three letters. Capitals are no errors: `kvcache` means `KVCache`.
[[nodiscard]] inline std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  // A pasted kilobyte is no typing error, and the distance takes quadratic time.
  if (word.size() > 64) return {};
  std::string_view best;
  std::size_t fewest = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t errors = edit_distance(in_small_letters(word), in_small_letters(candidate));
    if (errors >= fewest) continue;
    fewest = errors;
    best = candidate;
  }
  return best;
}

}  // namespace kvcache::detail
