// Sizes and times with a unit: as options, and ages for people.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvcache::cli {

/// "500", "1.5GB", "10 GiB": bytes. Letters of either case; k, M, G and T are decimal, Ki, Mi, Gi and Ti binary.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "30d": s, min, h, d or w.
[[nodiscard]] std::optional<std::chrono::seconds> parse_age(std::string_view text);

CLI::Option* add_bytes(CLI::App& app, const std::string& flag, std::optional<std::uint64_t>& value,
                       const std::string& description);
CLI::Option* add_age(CLI::App& app, const std::string& flag, std::optional<std::chrono::seconds>& value,
                     const std::string& description);

}  // namespace kvcache::cli
