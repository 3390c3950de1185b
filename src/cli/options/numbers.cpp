#include "cli/options/numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace kvcache::cli {

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || value < low || value > high) return std::nullopt;
  return value;
}

CLI::Validator not_empty() {
  return {[](std::string& text) { return text.empty() ? std::string("the value is empty") : std::string(); }, ""};
}

CLI::Option* add_integer(CLI::App& app, const std::string& flags, std::optional<std::int64_t>& value, std::int64_t low,
                         std::int64_t high, const std::string& description) {
  const std::string name = flags.substr(0, flags.find(','));
  const bool open = high == std::numeric_limits<std::int64_t>::max();
  const std::string range = open ? fmt::format("of at least {}", low) : fmt::format("from {} to {}", low, high);
  const auto store = [&value, low, high, name, range](const std::string& text) {
    value = parse_integer(text, low, high);
    if (!value) throw CLI::ValidationError(name, fmt::format("'{}' is not a whole number {}", text, range));
  };
  return app.add_option_function<std::string>(flags, store, description)->type_name("N");
}

}  // namespace kvcache::cli
