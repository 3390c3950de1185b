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
  const std::string others = catalog::not_caches_in_words(counts);
  return out + (others.empty() ? "" : "; ") + others + '\n';
}

}  // namespace kvcache::cli
