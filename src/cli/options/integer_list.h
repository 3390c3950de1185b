// Options whose value is a list of integers: --keep 0,2-4.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/cli11.h"

namespace kvcache::cli {

/// An option with integers in [low, high], or ranges of them (2-4), separated by commas, stored in `values` when given. At
/// least one, no blanks.
CLI::Option* add_integer_list(CLI::App& app, const std::string& flag, std::vector<std::int64_t>& values, std::int64_t low,
                              std::int64_t high, const std::string& description);

}  // namespace kvcache::cli
