// What a sound file lacks for everyday use: facts about its user metadata that no finding code stands for.
#include <fmt/format.h>

#include <algorithm>

#include "kvcache/verify.h"

namespace kvcache {
namespace {

/// A value for a command line in single quotes.
std::string example_value(std::string_view key) {
  if (key == "model") return "model=REPO";
  if (key == "tokenizer_config") return R"('tokenizer_config={"trust_remote_code": null}')";
  return fmt::format("{}=null", key);
}

}  // namespace

std::vector<std::string> usage_notes(const Document& document, const Findings& findings) {
  // No command edits a file with errors (require_sound): it needs mending, not metadata.
  if (std::any_of(findings.begin(), findings.end(), prevents_editing)) return {};

  const Dialect* format = document.format;
  // mlx-lm 0.18 is never written, so no command could add what is missing.
  if (format == nullptr || format->family != Family::mlx_lm || format->era == Era::L0) return {};

  std::vector<std::string_view> needed = {"model", "tokenizer_config"};
  // Releases up to 0.30.0 look for the template, too; only files of their own layouts are likely to meet one.
  if (format->era == Era::P1 || format->era == Era::P2) needed.emplace_back("chat_template");
  std::string missing;
  std::string values;
  for (const std::string_view key : needed) {
    if (document.cache.metadata.contains(std::string(key))) continue;
    missing += fmt::format("{}{}{}", missing.empty() ? "" : ", ", key, key == "chat_template" ? " (up to 0.30.0)" : "");
    values += ' ' + example_value(key);
  }
  if (missing.empty()) return {};
  return {
      fmt::format("mlx_lm.generate --prompt-cache-file fails without this user metadata: {}; add it with "
                  "`kvcache metadata {} set{} --in-place`",
                  missing, shell_path(document.file.path()), values)};
}

}  // namespace kvcache
