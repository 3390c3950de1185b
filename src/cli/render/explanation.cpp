#include "cli/render/explanation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <chrono>

#include "cli/render/table.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "common/human.h"
#include "documents/hint.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

using foreign::Amount;
using foreign::Explanation;
using foreign::Restored;
using foreign::Signature;

/// "A", "B", ... "Z", "27"
std::string letter(std::size_t index) {
  return index < 26 ? std::string(1, static_cast<char>('A' + static_cast<char>(index))) : std::to_string(index + 1);
}

std::string age(std::chrono::system_clock::time_point time) {
  return detail::human_age(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - time));
}

std::string noun(const Explanation& explained) {
  const bool blocks = std::ranges::any_of(explained.signatures, &Signature::blocks);
  return blocks ? "block" : "entry";
}

std::string count(std::uint64_t n, const std::string& noun) {
  if (noun == "entry" && n != 1) return fmt::format("{} entries", n);
  return count_of(n, noun);
}

/// Why a signature is of use or of none.
std::string verdict(const Signature& signature) {
  if (!signature.never_again.empty()) return "never again: " + printable(signature.never_again, 200);
  if (signature.matches == true) return "matches the running settings (--like)";
  if (signature.matches == false) return fmt::format("not used: {}", fmt::join(signature.differences, "; "));
  if (signature.never_again_entries > 0) return fmt::format("{} of them never again", signature.never_again_entries);
  return "";
}

std::string settings_text(const Signature& signature) {
  std::vector<std::string> words;
  for (const auto& [name, value] : signature.settings)
    if (value != signature.model) words.push_back(fmt::format("{} {}", name, printable(value, 60)));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string signatures_table(const Explanation& explained, const Style& style) {
  Table table({{"", Table::Align::left},
               {"signature", Table::Align::left},
               {noun(explained) == "block" ? "blocks" : "entries", Table::Align::right},
               {"size", Table::Align::right},
               {"newest", Table::Align::right},
               {"what it is", Table::Align::left}},
              2);
  for (std::size_t i = 0; i < explained.signatures.size(); ++i) {
    const Signature& s = explained.signatures[i];
    std::string what = s.model.empty() ? "" : printable(s.model, 60) + ": ";
    what += settings_text(s);
    if (const std::string said = verdict(s); !said.empty()) what += " <- " + said;
    table.add({letter(i), s.id, std::to_string(s.entries.files), size_of(s.entries.bytes), age(s.newest), what});
  }
  return table.text(style);
}

std::string layers_in_words(const std::vector<std::int64_t>& layers) {
  std::vector<std::size_t> indices;
  indices.reserve(layers.size());
  for (const std::int64_t layer : layers) indices.push_back(static_cast<std::size_t>(layer));
  return layers_text(indices);
}

/// What else is in the way, a line each.
std::vector<std::string> remarks(const Explanation& explained) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < explained.signatures.size(); ++i) {
    const Signature& s = explained.signatures[i];
    if (s.without_state > 0 && !s.dead())
      out.push_back(fmt::format("in {}: {} no state of {}: a prompt can lead through, not end there", letter(i),
                                s.without_state == 1 ? "1 block holds" : fmt::format("{} blocks hold", s.without_state),
                                layers_in_words(s.layers_without_state)));
  }
  if (explained.unreadable.amount.files > 0)
    out.push_back(fmt::format("cannot be read: {}, {} ({}: {})", count_of(explained.unreadable.amount.files, "file"),
                              size_of(explained.unreadable.amount.bytes), shown_path(explained.unreadable.example),
                              printable(explained.unreadable.why, 300)));
  if (explained.passed_over.amount.files > 0)
    out.push_back(fmt::format("not used: {}, {} ({}: {})", count(explained.passed_over.amount.files, noun(explained)),
                              size_of(explained.passed_over.amount.bytes), shown_path(explained.passed_over.example),
                              printable(explained.passed_over.why, 300)));
  for (const std::string& problem : explained.problems) out.push_back(printable(problem, 1000));
  if (explained.temporary.files > 0)
    out.push_back(fmt::format("begun and not finished: {}, {}", count_of(explained.temporary.files, "file"),
                              size_of(explained.temporary.bytes)));
  if (explained.orphans.files > 0)
    out.push_back(
        fmt::format("nothing leads to: {}, {}", count_of(explained.orphans.files, "file"), size_of(explained.orphans.bytes)));
  return out;
}

/// How far the prompt leads, and what is to be said of that, a line each.
std::vector<std::string> prompt_lines(const ExplainedFolder& folder, const Restored& restored) {
  std::string text = fmt::format("with --tokens {} ({}): ", shell_path(folder.tokens), count_of(folder.prompt_tokens, "token"));
  if (restored.block_size > 0)
    text += fmt::format("{} of {} present, ", restored.blocks_present,
                        count_of(static_cast<std::uint64_t>(restored.blocks_wanted), "block"));
  text += fmt::format("usable {}", count_of(static_cast<std::uint64_t>(restored.tokens()), "token"));
  if (restored.walked_back > 0)
    text += fmt::format(" (walk back {}: {} no state)", count_of(static_cast<std::uint64_t>(restored.walked_back), "block"),
                        restored.layers_without_state.size() == 1 ? layers_in_words(restored.layers_without_state) + " has"
                        : restored.layers_without_state.empty()   ? "some layers have"
                                                                  : layers_in_words(restored.layers_without_state) + " have");
  text += fmt::format(", to be processed again: {}", folder.prompt_tokens - static_cast<std::size_t>(restored.tokens()));
  std::vector<std::string> out = {std::move(text)};
  if (!restored.stopped_by.empty()) out.push_back("it ends there because " + printable(restored.stopped_by, 1000));
  if (!restored.why.empty()) out.push_back(printable(restored.why, 1000));
  for (const std::string& note : restored.notes) out.push_back(printable(note, 1000));
  return out;
}

/// What `prune` is to be told, and how many bytes it frees; nothing where there is nothing to delete by signature.
std::string prune_line(const std::string& folder, const std::vector<Explanation>& places) {
  std::vector<std::string> ids;
  for (const Explanation& place : places)
    for (const Signature& signature : place.signatures)
      if (signature.dead()) ids.push_back(signature.id);
  if (ids.empty()) return {};
  return fmt::format("kvcache prune {} --signature {}", shell_path(folder), fmt::join(ids, ","));
}

std::uint64_t bytes_of_dead_signatures(const std::vector<Explanation>& places) {
  std::uint64_t bytes = 0;
  for (const Explanation& place : places)
    for (const Signature& signature : place.signatures)
      if (signature.dead()) bytes += signature.entries.bytes;
  return bytes;
}

Json explained_json(const Amount& amount) {
  return {{"files", amount.files}, {"bytes", amount.bytes}};
}

Json explained_json(const Signature& s) {
  Json settings = Json::object();
  for (const auto& [name, value] : s.settings) settings[name] = value;
  return {{"id", s.id},
          {"model", s.model.empty() ? Json(nullptr) : Json(s.model)},
          {"settings", std::move(settings)},
          {"entries", s.entries.files},
          {"bytes", s.entries.bytes},
          {"tokens", s.tokens},
          {"newest", std::chrono::duration_cast<std::chrono::seconds>(s.newest.time_since_epoch()).count()},
          {"blocks", s.blocks},
          {"matches", s.matches ? Json(*s.matches) : Json(nullptr)},
          {"differences", s.differences},
          {"never_again", s.never_again.empty() ? Json(nullptr) : Json(s.never_again)},
          {"without_state", s.without_state},
          {"layers_without_state", s.layers_without_state},
          {"dead", s.dead()}};
}

std::string_view word(Restored::Outcome outcome) {
  switch (outcome) {
    case Restored::Outcome::restored:
      return "restored";
    case Restored::Outcome::miss:
      return "miss";
    case Restored::Outcome::refused:
      break;
  }
  return "refused";
}

Json explained_json(const Restored& restored, std::size_t prompt_tokens) {
  return {{"outcome", word(restored.outcome)},
          {"tokens", prompt_tokens},
          {"usable", restored.tokens()},
          {"again", prompt_tokens - static_cast<std::size_t>(restored.tokens())},
          {"entry", restored.entry.empty() ? Json(nullptr) : Json(restored.entry)},
          {"block_size", restored.block_size > 0 ? Json(restored.block_size) : Json(nullptr)},
          {"blocks_wanted", restored.blocks_wanted},
          {"blocks_present", restored.blocks_present},
          {"walked_back", restored.walked_back},
          {"layers_without_state", restored.layers_without_state},
          {"stopped_by", restored.stopped_by.empty() ? Json(nullptr) : Json(restored.stopped_by)},
          {"why", restored.why.empty() ? Json(nullptr) : Json(restored.why)},
          {"hint", restored.remedy.empty() ? Json(nullptr) : Json(documents::hint_of(restored.remedy, {}))},
          {"losses", restored.losses},
          {"notes", restored.notes}};
}

}  // namespace

const Restored* ExplainedFolder::best() const {
  const Restored* best = nullptr;
  for (const Explanation& place : places)
    if (place.prompt && (best == nullptr || place.prompt->tokens() > best->tokens())) best = &*place.prompt;
  return best;
}

Json explained_json(const ExplainedFolder& folder) {
  Json places = Json::array();
  std::uint64_t dead = 0;
  for (const Explanation& place : folder.places) {
    Json signatures = Json::array();
    for (const Signature& signature : place.signatures) signatures.push_back(explained_json(signature));
    dead += place.dead_bytes();
    places.push_back({{"path", place.place.path},
                      {"format", place.place.format->id},
                      {"title", place.place.format->title},
                      {"entries", place.all.files},
                      {"bytes", place.all.bytes},
                      {"signatures", std::move(signatures)},
                      {"unreadable", explained_json(place.unreadable.amount)},
                      {"temporary", explained_json(place.temporary)},
                      {"orphans", explained_json(place.orphans)},
                      {"passed_over", explained_json(place.passed_over.amount)},
                      {"problems", place.problems},
                      {"other", explained_json(place.others)},
                      {"dead_bytes", place.dead_bytes()},
                      {"prompt", place.prompt ? explained_json(*place.prompt, folder.prompt_tokens) : Json(nullptr)}});
  }
  const std::string prune = prune_line(folder.path, folder.places);
  const Restored* best = folder.best();
  return {{"schema", "kvcache.explain/1"},
          {"kind", "folder"},
          {"name", folder.path},
          {"places", std::move(places)},
          {"usable", best == nullptr ? Json(nullptr) : Json(best->tokens())},
          {"dead_bytes", dead},
          {"prune", prune.empty() ? Json(nullptr) : Json(prune)}};
}

void print_explanation(const Context& context, const ExplainedFolder& folder) {
  const Style style(context, stdout);
  const auto line = [](const std::string& text) { print(hanging(text, line_width(stdout)) + '\n'); };
  for (const Explanation& place : folder.places) {
    line(fmt::format("{}: {}: {}, {}, {}", style.bold(shown_path(place.place.path)), place.place.format->title,
                     count(place.all.files, noun(place)), size_of(place.all.bytes),
                     count_of(place.signatures.size(), "signature")));
    if (!place.signatures.empty()) print(signatures_table(place, style));
    for (const std::string& remark : remarks(place)) line(remark);
    if (place.prompt)
      for (const std::string& said : prompt_lines(folder, *place.prompt)) line(said);
    if (&place != &folder.places.back()) print("\n");
  }
  if (folder.places.empty())
    line(fmt::format("{}: {}", shown_path(folder.path),
                     folder.instead.empty() ? "no folder of a server that is known here" : folder.instead));
  if (const std::string prune = prune_line(folder.path, folder.places); !prune.empty())
    print(fmt::format("fix: {} frees {}\n", prune, size_of(bytes_of_dead_signatures(folder.places))));
}

}  // namespace kvcache::cli
