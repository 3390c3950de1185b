// A moment in UTC as text. fmt's own formatter of dates wants a locale that the library of fmt does not give to every build.
#pragma once

#include <array>
#include <ctime>
#include <string>

namespace kvcache::detail {

/// `format` as strftime() has it; the text has less than 64 characters.
[[nodiscard]] inline std::string utc_text(std::time_t moment, const char* format) {
  std::tm parts{};
  gmtime_r(&moment, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

/// As RFC 3339 has it: "2026-08-22T09:30:00Z".
[[nodiscard]] inline std::string utc_text(std::time_t moment) {
  return utc_text(moment, "%Y-%m-%dT%H:%M:%SZ");
}

}  // namespace kvcache::detail
