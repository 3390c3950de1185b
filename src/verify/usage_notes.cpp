// What a sound file lacks for everyday use: facts about its user metadata that no finding code stands for.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvcache/verify.h"

namespace kvcache {
namespace {

constexpr Version first{0, 0, 0};
constexpr Version last_with_template{0, 30, 0};
constexpr Version template_is_json{0, 21, 5};  // the first release that surely parses it; before, it is plain text

/// What mlx_lm.generate of a release looks up in the user metadata.
struct Entry {
  std::string_view key;
  std::string_view until;    ///< in words, where later releases do without
  bool json = false;         ///< parsed as JSON
  std::string_view example;  ///< a word for the command line
};
constexpr Entry model{"model", "", false, "model=REPO"};
constexpr Entry tokenizer_config{"tokenizer_config", "", true, R"('tokenizer_config={"trust_remote_code": null}')"};
constexpr Entry chat_template{"chat_template", " (up to 0.30.0)", true, "chat_template=null"};

/// Those of the targets that are mlx-lm's; without any, what the file itself is of.
std::vector<Target> readers(const Document& document, std::span<const Target> targets) {
  if (targets.empty()) return {document.format->era};
  std::vector<Target> out;
  for (const Target& target : targets)
    if (dialect(target.era()).family == Family::mlx_lm && target.era() != Era::L0) out.push_back(target);
  return out;
}

/// Why an entry is no use to any release among the readers, or nothing.
std::string_view fault(const Metadata& metadata, const Entry& entry, bool parsed) {
  const auto found = metadata.find(std::string(entry.key));
  if (found == metadata.end()) return "missing";
  return entry.json && parsed && !nlohmann::json::accept(found->second) ? "no JSON" : "";
}

}  // namespace

std::vector<std::string> usage_notes(const Document& document, const Findings& findings, std::span<const Target> targets) {
  // No command edits a file with errors (require_sound): it needs mending, not metadata.
  if (std::any_of(findings.begin(), findings.end(), prevents_editing)) return {};

  const Dialect* format = document.format;
  // mlx-lm 0.18 is never written, so no command could add what is missing.
  if (format == nullptr || format->family != Family::mlx_lm || format->era == Era::L0) return {};

  const std::vector<Target> asked = readers(document, targets);
  if (asked.empty()) return {};
  const auto any = [&](const Version& since, const Version& until) {
    return std::any_of(asked.begin(), asked.end(), [&](const Target& target) { return target.touches(since, until); });
  };
  std::vector<Entry> needed = {model, tokenizer_config};
  if (any(first, last_with_template)) needed.push_back(chat_template);
  std::string missing, broken, missing_values, broken_values;
  for (const Entry& entry : needed) {
    const bool parsed = entry.key != chat_template.key || any(template_is_json, last_with_template);
    const std::string_view why = fault(document.cache.metadata, entry, parsed);
    if (why.empty()) continue;
    std::string& list = why == "missing" ? missing : broken;
    std::string& values = why == "missing" ? missing_values : broken_values;
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", entry.key, entry.until);
    values += fmt::format(" {}", entry.example);
  }
  const std::string file = shell_path(document.file.path());
  std::vector<std::string> out;
  if (!missing.empty())
    out.push_back(
        fmt::format("mlx_lm.generate --prompt-cache-file fails without this user metadata: {}; add it with "
                    "`kvcache metadata {} set{} --in-place`",
                    missing, file, missing_values));
  if (!broken.empty())
    out.push_back(
        fmt::format("mlx_lm.generate --prompt-cache-file parses this user metadata as JSON, which it is not, and fails: {}; "
                    "replace it with `kvcache metadata {} set{} --in-place`",
                    broken, file, broken_values));
  return out;
}

}  // namespace kvcache
