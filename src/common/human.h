// Sizes and ages for people.
#pragma once

#include <chrono>
#include <string>

namespace kvcache::detail {

/// "512 B", "12.3 kB", "1.05 GB": decimal units everywhere, as disks are sold and as macOS counts.
[[nodiscard]] std::string human_bytes(double bytes);
/// "5 s", "3 h", "40 d": about how long. "now" for less than nothing, as of a file from the future.
[[nodiscard]] std::string human_age(std::chrono::seconds age);

}  // namespace kvcache::detail
