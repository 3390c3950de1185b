#include "cli/render/verify_output.h"

#include <fmt/format.h>

#include "cli/terminal/words.h"

namespace kvcache::cli {

std::span<const VerifyFormat> verify_formats() noexcept {
  static constexpr VerifyFormat formats[] = {
      {"text", make_verify_text},     {"json", make_verify_json},   {"junit", make_verify_junit},
      {"github", make_verify_github}, {"sarif", make_verify_sarif},
  };
  return formats;
}

std::string_view name(Severity severity) noexcept {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

std::string in_words(const VerifyCounts& counts) {
  std::string out = count_of(counts.files, "file");
  std::string_view separator = ": ";
  const auto append = [&](Status status, std::string_view what) {
    const auto found = counts.by_status.find(status);
    if (found == counts.by_status.end()) return;
    out += fmt::format("{}{} {}", separator, found->second, what);
    separator = ", ";
  };
  append(Status::ok, "ok");
  append(Status::warnings, "with warnings");
  append(Status::errors, "with errors");
  append(Status::unreadable, "unreadable");
  const std::string others = not_caches_in_words(counts);
  return out + (others.empty() ? "" : "; ") + others + '\n';
}

std::string not_caches_in_words(const VerifyCounts& counts) {
  std::size_t files = 0;
  std::string kinds;
  for (const auto& [what, paths] : counts.not_caches) {
    files += paths.size();
    kinds += kinds.empty() ? "" : ", ";
    kinds += paths.size() == 1 ? what : fmt::format("{} times {}", paths.size(), what);
  }
  if (files == 0) return {};
  return fmt::format("{} more {} ({})", files, files == 1 ? "is no cache" : "are no caches", kinds);
}

}  // namespace kvcache::cli
