#include "cli/render/verify_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "cli/terminal/words.h"

namespace kvcache::cli {

std::span<const VerifyFormat> verify_formats() noexcept {
  static constexpr VerifyFormat formats[] = {
      {"text", make_verify_text},     {"json", make_verify_json, true}, {"junit", make_verify_junit},
      {"github", make_verify_github}, {"sarif", make_verify_sarif},
  };
  return formats;
}

std::string codes_in_words(const std::map<std::string, std::size_t>& counts) {
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater(), &std::pair<std::string, std::size_t>::second);
  constexpr std::size_t shown = 8;
  std::string out;
  std::size_t more = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto& [code, files] = sorted[i];
    if (i >= shown) {
      more += files;
      continue;
    }
    const auto codes = finding_codes();
    const auto info = std::ranges::find(codes, code, &CodeInfo::code);
    out += fmt::format("{}{} {}{}", out.empty() ? "" : ", ", files, code,
                       info == codes.end() ? "" : fmt::format(" ({})", info->title));
  }
  return more == 0 ? out : fmt::format("{}, {} with others", out, more);
}

std::string in_words(const VerifyCounts& counts, const Style& style) {
  std::string out = count_of(counts.files, "file");
  std::string_view separator = ": ";
  const auto append = [&](Status status, std::string_view what, std::string (Style::*paint)(std::string_view) const = nullptr) {
    const auto found = counts.by_status.find(status);
    if (found == counts.by_status.end()) return;
    const std::string text = fmt::format("{} {}", found->second, what);
    out += fmt::format("{}{}", separator, paint == nullptr ? text : (style.*paint)(text));
    separator = ", ";
  };
  append(Status::ok, "ok");
  append(Status::warnings, "with warnings", &Style::yellow);
  append(Status::errors, "with errors", &Style::red);
  append(Status::unreadable, "unreadable", &Style::red);
  const std::string others = catalog::not_caches_in_words(counts);
  return out + (others.empty() ? "" : "; ") + others;
}

}  // namespace kvcache::cli
