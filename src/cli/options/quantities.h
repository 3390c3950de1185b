// Sizes and times with a unit: as options, and ages for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/cli11.h"

namespace kvcache::cli {

/// "500", "1.5GB", "10 GiB": bytes. Letters of either case; k, M, G and T are decimal, Ki, Mi, Gi and Ti binary.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "30d", "1h30m": s, m or min, h, d, w or y (of 365 days).
[[nodiscard]] std::optional<std::chrono::seconds> parse_age(std::string_view text);
/// "4096", "32k", "1.5M": how many, decimal.
[[nodiscard]] std::optional<std::int64_t> parse_count(std::string_view text);

CLI::Option* add_bytes(CLI::App& app, const std::string& flag, std::optional<std::uint64_t>& value,
                       const std::string& description);
CLI::Option* add_age(CLI::App& app, const std::string& flag, std::optional<std::chrono::seconds>& value,
                     const std::string& description);

/// A number of at least 0, as parse_count() reads it.
CLI::Option* add_count(CLI::App& app, const std::string& flag, std::optional<std::int64_t>& value, std::int64_t most,
                       const std::string& description);

/// Whether an option of add_bytes() or add_age() would take "300MB" for the two words "300" and "MB".
[[nodiscard]] bool is_split_quantity(const CLI::Option& option, const std::string& number, const std::string& unit);

}  // namespace kvcache::cli
