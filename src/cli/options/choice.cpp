#include "cli/options/choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "common/nearest.h"

namespace kvcache::cli {

CLI::Validator one_of(std::initializer_list<std::string_view> words) {
  const auto check = [words = std::vector<std::string_view>(words)](const std::string& word) -> std::string {
    if (std::find(words.begin(), words.end(), word) != words.end()) return {};
    const std::string_view meant = detail::nearest(word, words);
    return fmt::format("'{}' is none of {}{}", word, fmt::join(words, ", "),
                       meant.empty() ? std::string() : fmt::format("{}did you mean {}?", hint_mark, meant));
  };
  // As CLI11's own IsMember describes itself: help and completion read it from the name of the value.
  return {check, fmt::format("{{{}}}", fmt::join(words, ","))};
}

}  // namespace kvcache::cli
