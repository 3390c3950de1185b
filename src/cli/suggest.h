// "did you mean": the nearest of several words.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kvcache::cli {

/// The candidate with the fewest typing errors (a letter changed, added, left out, or two swapped) from `word`; empty when even
/// that one is too far away to be what was meant: more than one error per three letters.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace kvcache::cli
