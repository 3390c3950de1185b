// Values of options: integers, and that there is one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/cli11.h"

namespace kvcache::cli {

/// Plain decimal, nothing before or after it, within [low, high]; nothing otherwise. CLI11's own conversions take "1e3", "0x10"
/// and " 1", and wrap what is too large.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high);

/// An option with such a value, stored in `value` when given.
CLI::Option* add_integer(CLI::App& app, const std::string& flags, std::optional<std::int64_t>& value, std::int64_t low,
                         std::int64_t high, const std::string& description);

/// Refuses '' for an option, which would pass for one that is not given: it is what a script's unset variable leaves.
[[nodiscard]] CLI::Validator not_empty();

}  // namespace kvcache::cli
