#include "cli/options/integer_list.h"

#include <fmt/format.h>

#include <string_view>

#include "cli/options/numbers.h"

namespace kvcache::cli {
namespace {

/// 7, or all of 2-5. A list of them is for people: a range that nobody would write out is a mistake.
void add_item(std::vector<std::int64_t>& values, const std::string& flag, std::string_view item, std::int64_t low,
              std::int64_t high) {
  constexpr std::int64_t most = 100'000;
  const std::size_t dash = item.find('-', 1);
  const auto first = parse_integer(item.substr(0, dash), low, high);
  const auto last = dash == std::string_view::npos ? first : parse_integer(item.substr(dash + 1), low, high);
  if (!first || !last)
    throw CLI::ValidationError(flag, fmt::format("'{}' is not a whole number from {} to {}", item, low, high));
  if (*last < *first || *last - *first >= most)
    throw CLI::ValidationError(
        flag, fmt::format("'{}' is no range of at most {} numbers, from the smaller to the larger", item, most));
  for (std::int64_t value = *first; value <= *last; ++value) values.push_back(value);
}

}  // namespace

CLI::Option* add_integer_list(CLI::App& app, const std::string& flag, std::vector<std::int64_t>& values, std::int64_t low,
                              std::int64_t high, const std::string& description) {
  const auto store = [&values, flag, low, high](const std::string& text) {
    values.clear();
    for (std::string_view rest = text;;) {
      const std::size_t comma = rest.find(',');
      const std::string_view item = rest.substr(0, comma);
      add_item(values, flag, item, low, high);
      if (comma == std::string_view::npos) return;
      rest.remove_prefix(comma + 1);
    }
  };
  return app.add_option_function<std::string>(flag, store, description);
}

}  // namespace kvcache::cli
