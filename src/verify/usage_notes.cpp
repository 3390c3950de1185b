// What a sound file lacks for everyday use: facts about its user metadata that no finding code stands for.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvcache/caches.h"
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

/// What mlx_lm.generate misses in the user metadata. mlx_lm.server reads no files: its caches stay in memory.
std::vector<std::string> missing_metadata(const Document& document, std::span<const Target> targets) {
  const Dialect* format = document.format;
  // mlx-lm 0.18 is never written, so no command could add what is missing.
  if (format->family != Family::mlx_lm || format->era == Era::L0) return {};

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

/// mlx_lm.generate compares its options with the first layer.
std::optional<std::string> needed_options(const Document& document) {
  constexpr std::int64_t default_group_size = 64;
  if (document.format->family != Family::mlx_lm || document.cache.layers.empty()) return std::nullopt;
  const auto* const quantized = dynamic_cast<const QuantizedKVCache*>(document.cache.layers.front().get());
  if (quantized == nullptr || quantized->state().group_size == default_group_size) return std::nullopt;
  return fmt::format("mlx_lm.generate --prompt-cache-file needs --kv-group-size {} with this file: its default is {}",
                     quantized->state().group_size, default_group_size);
}

/// What writing the file again changes about it.
std::optional<std::string> worth_rewriting(const Document& document) {
  std::uint64_t unused = 0;
  bool early_form = false;
  for (const LayerSource& source : document.sources) {
    for (const UnusedRows& rows : source.unused) unused += rows.bytes;
    early_form = early_form || source.early_form;
  }
  const std::string command =
      fmt::format("`kvcache convert {} --to {} -o OUT`", shell_path(document.file.path()), dialect(Era::P5).id);
  if (early_form)
    return fmt::format("version 0.1 of kvcache wrote this file for mlx-lm 0.32, which does not load it; {} mends it", command);
  if (unused == 0) return std::nullopt;
  return fmt::format(
      "{} bytes are rows behind the last token, as mlx-lm 0.32 saves whole buffers: zeros, or keys and values of tokens that "
      "were trimmed; {} leaves them out",
      unused, command);
}

}  // namespace

std::vector<std::string> usage_notes(const Document& document, const Findings& findings, std::span<const Target> targets) {
  // No command edits a file with errors (require_sound): it needs mending, not metadata.
  if (std::any_of(findings.begin(), findings.end(), prevents_editing) || document.format == nullptr) return {};
  std::vector<std::string> notes = missing_metadata(document, targets);
  for (const auto& note : {needed_options(document), worth_rewriting(document)})
    if (note) notes.push_back(*note);
  return notes;
}

}  // namespace kvcache
