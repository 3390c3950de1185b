#include "cli/options/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "cli/options/numbers.h"

namespace kvcache::cli {
namespace {

struct Unit {
  std::string_view name;  ///< in lower case
  std::int64_t worth;
};

constexpr std::int64_t k = 1000;
constexpr Unit byte_units[] = {
    {"", 1},
    {"b", 1},
    {"k", k},
    {"kb", k},
    {"m", k* k},
    {"mb", k* k},
    {"g", k* k* k},
    {"gb", k* k* k},
    {"t", k* k* k* k},
    {"tb", k* k* k* k},
    {"ki", 1LL << 10U},
    {"kib", 1LL << 10U},
    {"mi", 1LL << 20U},
    {"mib", 1LL << 20U},
    {"gi", 1LL << 30U},
    {"gib", 1LL << 30U},
    {"ti", 1LL << 40U},
    {"tib", 1LL << 40U},
};
constexpr Unit age_units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}, {"y", 365 * 86400}};
constexpr Unit count_units[] = {{"", 1}, {"k", k}, {"m", k* k}};

/// Digits, at most one point among them, a unit.
std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::string_view number = text.substr(0, text.find_first_not_of("0123456789."));
  std::string name(text.substr(number.size()));
  if (name.starts_with(' ')) name.erase(0, 1);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto unit = std::ranges::find(units, name, &Unit::name);
  if (unit == units.end()) return std::nullopt;
  const std::size_t point = number.find('.');
  const auto whole = parse_integer(number.substr(0, point), 0, most / unit->worth - 1);
  if (!whole) return std::nullopt;
  std::int64_t out = *whole * unit->worth;
  if (point == std::string_view::npos) return out;
  const std::string_view digits = number.substr(point + 1);
  if (digits.empty() || digits.find('.') != std::string_view::npos) return std::nullopt;
  std::int64_t worth = unit->worth;
  for (const char digit : digits) {
    // What is left of the unit for this digit: whole bytes or seconds are exact enough.
    out += worth * (digit - '0') / 10;
    worth /= 10;
  }
  return out;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto bytes = parse(text, byte_units);
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

std::optional<std::chrono::seconds> parse_age(std::string_view text) {
  std::chrono::seconds out{0};
  do {
    // A number and its unit, which the next number ends.
    const std::size_t unit = text.find_first_not_of("0123456789.");
    const std::size_t next = unit == std::string_view::npos ? text.size() : text.find_first_of("0123456789", unit);
    const auto seconds = parse(text.substr(0, next), age_units);
    if (!seconds || *seconds > std::numeric_limits<std::int64_t>::max() - out.count()) return std::nullopt;
    out += std::chrono::seconds(*seconds);
    text.remove_prefix(std::min(next, text.size()));
  } while (!text.empty());
  return out;
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  return parse(text, count_units);
}

CLI::Option* add_bytes(CLI::App& app, const std::string& flag, std::optional<std::uint64_t>& value,
                       const std::string& description) {
  const auto store = [&value, flag](const std::string& text) {
    value = parse_bytes(text);
    if (!value) throw CLI::ValidationError(flag, fmt::format("'{}' is no size such as 500MB, 1.5GB or 10GiB", text));
  };
  return app.add_option_function<std::string>(flag, store, description)->type_name("SIZE");
}

CLI::Option* add_age(CLI::App& app, const std::string& flag, std::optional<std::chrono::seconds>& value,
                     const std::string& description) {
  const auto store = [&value, flag](const std::string& text) {
    value = parse_age(text);
    if (!value) throw CLI::ValidationError(flag, fmt::format("'{}' is no time such as 90min, 1h30m, 30d, 4w or 1y", text));
  };
  return app.add_option_function<std::string>(flag, store, description)->type_name("AGE");
}

CLI::Option* add_count(CLI::App& app, const std::string& flag, std::optional<std::int64_t>& value, std::int64_t most,
                       const std::string& description) {
  const auto store = [&value, flag, most](const std::string& text) {
    value = parse_count(text);
    if (!value || *value > most)
      throw CLI::ValidationError(flag,
                                 fmt::format("'{}' is not a whole number from 0 to {}, or as many thousands: 32k", text, most));
  };
  return app.add_option_function<std::string>(flag, store, description)->type_name("N");
}

bool is_split_quantity(const CLI::Option& option, const std::string& number, const std::string& unit) {
  if (number.empty() || number.find_first_not_of("0123456789.") != std::string::npos || unit.empty()) return false;
  const std::string type = option.get_type_name();
  const std::string whole = number + unit;
  return (type == "SIZE" && parse_bytes(whole)) || (type == "AGE" && parse_age(whole));
}

}  // namespace kvcache::cli
