#include "cli/options/integer_list.h"

#include <fmt/format.h>

#include <string_view>

#include "cli/options/numbers.h"

namespace kvcache::cli {

CLI::Option* add_integer_list(CLI::App& app, const std::string& flag, std::vector<std::int64_t>& values, std::int64_t low,
                              std::int64_t high, const std::string& description) {
  const auto store = [&values, flag, low, high](const std::string& text) {
    values.clear();
    for (std::string_view rest = text;;) {
      const std::size_t comma = rest.find(',');
      const std::string_view item = rest.substr(0, comma);
      const auto value = parse_integer(item, low, high);
      if (!value) throw CLI::ValidationError(flag, fmt::format("'{}' is not a whole number from {} to {}", item, low, high));
      values.push_back(*value);
      if (comma == std::string_view::npos) return;
      rest.remove_prefix(comma + 1);
    }
  };
  return app.add_option_function<std::string>(flag, store, description);
}

}  // namespace kvcache::cli
