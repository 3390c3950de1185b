#include "cli/docs/explain_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "cli/docs/handbook.h"
#include "kvcache/error.h"
#include "kvcache/release.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

constexpr std::string_view classes_heading = "Classes";
constexpr std::string_view words_heading = "Words";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

char folded(char c) {
  return c == '_' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Whether a user means the same by both: metadata and code write left_padding, text has left padding.
bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return folded(x) == folded(y); });
}

std::string_view in_words(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info: a fact about who can use the file";
    case Severity::warning:
      return "warning: the file works, but somebody should know";
    case Severity::error:
      break;
  }
  return "error: the file is broken, or a program that loads it goes wrong without noticing";
}

std::optional<WordExplanation> explain_code(std::string_view word) {
  const auto codes = finding_codes();
  const auto info = std::ranges::find_if(codes, [&](const CodeInfo& c) { return same(c.code, word); });
  if (info == codes.end()) return std::nullopt;
  const FindingText text = finding_text(info->code);
  WordExplanation out{"code", std::string(info->code), std::string(info->title), {}};
  out.parts.emplace_back("severity", in_words(info->severity));
  out.parts.emplace_back("meaning", text.meaning);
  if (!text.why.empty()) out.parts.emplace_back("why it hurts", text.why);
  std::string help = text.what_to_do;
  if (lower(help).find("make it again") != std::string::npos)
    help += " That means: let the program that wrote the file process the prompt once more and save it.";
  out.parts.emplace_back("what to do", std::move(help));
  return out;
}

/// "0.28.1 (2025-09-26) to 0.30.7 (2026-02-12)"
std::string span_of(const Dialect& d) {
  std::vector<const Release*> all;
  for (const Release& r : releases())
    if (r.era == d.era) all.push_back(&r);
  if (all.empty()) return "no release: a main branch had it";
  const auto with_date = [](const Release& r) {
    return to_string(r.version) + (r.date.empty() ? "" : fmt::format(" ({})", r.date));
  };
  return with_date(*all.front()) + (all.size() == 1 ? "" : " to " + with_date(*all.back()));
}

/// Classes of the files of an era by who restores them: "mlx-lm@0.31 (KVCache, RotatingKVCache)".
std::string readers_of(Era writer) {
  std::map<Era, std::vector<std::string>> classes;
  std::size_t all = 0;
  for (const Reading& reading : who_reads_whom()) {
    if (reading.writer != writer) continue;
    ++all;
    for (const Dialect& loader : dialects())
      if (reading.loaders.has(loader.era)) classes[loader.era].push_back(reading.class_name);
  }
  std::string out;
  for (const Dialect& loader : dialects()) {
    const auto found = classes.find(loader.era);
    if (found == classes.end() || loader.era == writer) continue;
    std::string which = "all classes";
    if (found->second.size() != all) {
      which.clear();
      for (const std::string& name : found->second) which += (which.empty() ? "" : ", ") + name;
    }
    out += fmt::format("{}{} ({})", out.empty() ? "" : "; ", loader.id, which);
  }
  return out.empty() ? "no other" : out;
}

std::optional<WordExplanation> explain_format(std::string_view word) {
  std::string id(word);
  for (const Dialect& d : dialects())
    if (same(d.letter, word)) id = d.id;
  std::optional<Target> target;
  try {
    target = find_target(lower(id));
  } catch (const Error&) {
    return std::nullopt;
  }
  const Dialect& d = dialect(target->era());
  const std::string_view runtime = d.id.substr(0, d.id.find('@'));
  WordExplanation out{"format", target->id(), fmt::format("how {} writes prompt caches, era {}", runtime, d.letter), {}};
  if (!target->whole_era()) out.parts.emplace_back("era", fmt::format("it writes as {} does", d.id));
  out.parts.emplace_back("releases", span_of(d));
  if (!d.alias.empty()) out.parts.emplace_back("also called", d.alias);
  if (d.writable) {
    out.parts.emplace_back("meaning",
                           "files that these releases save, and restore by themselves in every class but those of KV702");
    out.parts.emplace_back("why it hurts",
                           fmt::format("others restore of its files, as far as they do it correctly: {}", readers_of(d.era)));
    out.parts.emplace_back("what to do",
                           fmt::format("`kvcache verify --for {0} chat.safetensors` asks about one file, "
                                       "`kvcache convert chat.safetensors --to {0} -o other.safetensors` makes one",
                                       target->id()));
  } else {
    out.parts.emplace_back("meaning", "it is read, and never written: no loader in use would gain from it");
    out.parts.emplace_back("why it hurts", "current releases of its runtime may refuse or misread its files");
    out.parts.emplace_back("what to do", fmt::format("`kvcache convert old.safetensors --to {} -o new.safetensors`", runtime));
  }
  return out;
}

std::optional<WordExplanation> explain_row(std::string_view kind, std::string_view heading, std::string_view word) {
  for (const TableRow& row : table_below(formats_document(), heading)) {
    if (!same(row.name, word)) continue;
    if (kind == "word")
      return WordExplanation{kind, row.name, "a word of the documents", {{"meaning", row.columns.front().second}}};
    WordExplanation out{kind, row.name, "a class of cache", {}};
    constexpr std::string_view titles[] = {"meaning", "why it hurts", "what to do"};
    for (std::size_t i = 0; i < std::min(row.columns.size(), std::size(titles)); ++i)
      out.parts.emplace_back(titles[i], row.columns[i].second);
    return out;
  }
  return std::nullopt;
}

}  // namespace

std::optional<WordExplanation> explain_word(std::string_view word) {
  if (auto code = explain_code(word)) return code;
  if (auto kind = explain_row("class", classes_heading, word)) return kind;
  if (auto plain = explain_row("word", words_heading, word)) return plain;
  return explain_format(word);
}

std::vector<std::string> explained_words() {
  std::vector<std::string> out;
  for (const CodeInfo& info : finding_codes()) out.emplace_back(info.code);
  for (const Dialect& d : dialects()) {
    out.emplace_back(d.id);
    out.emplace_back(d.letter);
  }
  for (const std::string_view heading : {classes_heading, words_heading})
    for (const TableRow& row : table_below(formats_document(), heading)) out.push_back(row.name);
  return out;
}

}  // namespace kvcache::cli
