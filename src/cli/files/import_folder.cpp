#include "cli/files/import_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "cli/files/open.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "cli/version.h"
#include "documents/hint.h"
#include "edit/stamp_now.h"
#include "kvcache/encode.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "platform/text_file.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;
using foreign::Place;
using foreign::Prompt;
using foreign::Restored;

constexpr int nothing_matches = 1;

foreign::Query query_of(const ImportOptions& options, const std::string& model_folder) {
  foreign::Query query;
  query.model_name = options.model_name;
  query.block_size = options.block_size;
  query.model_folder = model_folder;
  return query;
}

struct KnownPrompt {
  const Place* place = nullptr;
  Prompt prompt;
};

/// Prompts that the places know the tokens of. One that cannot be read is reported, and `worst` is its exit code; it is thrown
/// where it is all that there is.
std::vector<KnownPrompt> known_prompts(Context& context, const std::vector<Place>& places, int& worst) {
  std::vector<KnownPrompt> out;
  std::vector<std::pair<std::string, Error>> failed;
  for (const Place& place : places) {
    try {
      for (Prompt& prompt : foreign::known_prompts(place)) out.push_back({&place, std::move(prompt)});
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      failed.emplace_back(place.path, error);
    }
  }
  for (const auto& [path, error] : failed) {
    // What can be looked at only stands in nobody's way.
    if (!out.empty() && error.kind() == ErrorKind::impossible) continue;
    const std::string before = std::exchange(context.subject, path);
    if (out.empty()) throw Error(error);
    worst = std::max(worst, report_error(context, error));
    context.subject = before;
  }
  if (out.empty())
    throw Error(ErrorKind::usage, "it does not say which tokens it holds", "--tokens ids.json, with the ids of the prompt");
  return out;
}

Json losses_json(const Restored& found, std::size_t asked, const Place& place) {
  return {{"restored", found.tokens()}, {"query", asked},         {"from", place.format->id}, {"place", place.path},
          {"source", found.entry},      {"losses", found.losses}, {"notes", found.notes}};
}

/// Writes what was found. The tokens go into its stamp.
void write_found(Context& context, const Place& place, Restored found, std::size_t asked, const Target& target,
                 const OutputOptions& output, const EncodeOptions& encoding,
                 const std::function<void(PromptCache&, std::vector<std::string>&)>& edit) {
  std::vector<std::string> done{fmt::format("{} of {} imported as {}",
                                            found.tokens() == 1 ? "1 token" : fmt::format("{} tokens", found.tokens()),
                                            place.format->title, target.id())};
  for (const std::string& loss : found.losses) warn(context, loss);
  if (!context.quiet)
    for (const std::string& note : found.notes) say(note);
  edit(found.cache, done);
  Encoded encoded = encode(found.cache, target, encoding);
  StampRequest request;
  request.time = detail::stamp_time();
  request.tool = fmt::format("kvcache {}", version());
  request.token_ids = found.ids;
  {
    ProgressBar bar(context, "reading");
    request.progress = bar.callback();
    found.cache.metadata.insert_or_assign(std::string(stamp_key), to_json(make_stamp(found.cache, encoded, request)));
  }
  encoded = encode(found.cache, target, encoding);
  for (const std::string& warning : encoded.warnings) warn(context, warning);
  Written written{place.path, output.path, &dialect(target.era()), token_count(found.cache)};
  write_by(context, output, Document{}, written,
           [&](const WriteOptions& how) { return write_named(context, written.path, encoded.tensors, encoded.metadata, how); });
  print_summary(context, output, written, fmt::format("{}", fmt::join(done, ", ")), losses_json(found, asked, place));
}

/// Nothing begins as the prompt does: exit code 1, and why.
int report_miss(const Context& context, const std::string& path, const std::string& tokens, const OutputOptions& output,
                const Restored& miss, std::size_t asked) {
  say(fmt::format("kvcache {}: {}: nothing to import: {}", context.command, shown_path(path), miss.why));
  say("hint: " + (miss.remedy.empty()
                      ? fmt::format("`kvcache explain {} --tokens {}` says how far the prompt leads", shell_path(path),
                                    tokens.empty() || tokens == "-" ? "ids.json" : shell_path(tokens))
                      : documents::hint_of(miss.remedy, path)));
  if (output.json)
    print_late_json(context, {{"schema", fmt::format("kvcache.{}/1", context.command)},
                              {"path", path},
                              {"restored", 0},
                              {"query", asked},
                              {"reason", miss.why}});
  return nothing_matches;
}

}  // namespace

std::vector<Place> places_at(const std::string& path) {
  if (path == "-") return {};
  if (const auto place = foreign::place_of(path)) return {*place};
  std::error_code unknown;
  if (!fs::is_directory(path, unknown)) return {};
  return foreign::places_below(path);
}

int import_prompt(Context& context, const std::vector<Place>& places, const std::string& path, const ImportOptions& options,
                  const Target& target, const OutputOptions& output, const EncodeOptions& encoding,
                  const std::string& model_folder, const std::function<void(PromptCache&, std::vector<std::string>&)>& edit) {
  context.subject = path;
  foreign::Query query = query_of(options, model_folder);
  if (options.tokens.empty()) {
    int ignored = 0;  // one prompt is asked for, and there is one
    const std::vector<KnownPrompt> known = known_prompts(context, places, ignored);
    if (known.size() > 1)
      throw Error(ErrorKind::usage, fmt::format("{} prompts are known here", known.size()),
                  "--tokens ids.json for one of them, or --all -o DIR/ for each");
    const Place& place = *known[0].place;
    Restored found = foreign::restore_known(place, known[0].prompt, query);
    const auto asked = static_cast<std::size_t>(known[0].prompt.tokens);
    if (found.outcome == Restored::Outcome::miss) return report_miss(context, path, options.tokens, output, found, asked);
    if (found.outcome == Restored::Outcome::refused) throw Error(ErrorKind::impossible, found.why, found.remedy);
    write_found(context, place, std::move(found), asked, target, output, encoding, edit);
    return 0;
  }
  query.tokens = read_token_ids(context, options.tokens);
  std::optional<Restored> best;
  const Place* from = nullptr;
  const auto rank = [](const Restored& r) {
    return std::pair(static_cast<int>(r.outcome == Restored::Outcome::restored), r.tokens());
  };
  std::vector<std::string> as_good;  // other places with as much of the prompt
  for (const Place& place : places) {
    Restored found = foreign::restore(place, query);
    if (best && found.outcome == Restored::Outcome::restored && rank(found) == rank(*best)) as_good.push_back(place.path);
    const bool better = !best || rank(found) > rank(*best) ||
                        (best->outcome == Restored::Outcome::miss && found.outcome == Restored::Outcome::refused);
    if (!better) continue;
    as_good.clear();
    best = std::move(found);
    from = &place;
  }
  if (!best) best = Restored{};
  if (best->outcome == Restored::Outcome::miss)
    return report_miss(context, path, options.tokens, output, *best, query.tokens.size());
  if (best->outcome == Restored::Outcome::refused) throw Error(ErrorKind::impossible, best->why, best->remedy);
  if (!as_good.empty())
    warn(context, fmt::format("taken from {}; as much of the prompt is in {}: name the folder of the model that it is for",
                              shown_path(from->path), shown_path(as_good.front())));
  write_found(context, *from, *std::move(best), query.tokens.size(), target, output, encoding, edit);
  return 0;
}

int import_all(Context& context, const std::vector<Place>& places, const std::string& path, const ImportOptions& options,
               const Target& target, const OutputOptions& output, const EncodeOptions& encoding,
               const std::string& model_folder, const std::function<void(PromptCache&, std::vector<std::string>&)>& edit) {
  context.subject = path;
  int worst = 0;
  const std::vector<KnownPrompt> known = known_prompts(context, places, worst);
  std::error_code error;
  const bool made = fs::create_directory(output.path, error);
  if (error || !fs::is_directory(output.path))
    throw Error(ErrorKind::usage, fmt::format("--all writes into a folder, and {} is none", shown_path(output.path)),
                "-o DIR/");
  std::size_t written = 0;
  std::vector<Json> summaries;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const auto& [place, prompt] = known[i];
    // Of several places two may have one name.
    const std::string name = places.size() > 1 ? fmt::format("{}-{}", i, prompt.name) : prompt.name;
    OutputOptions one = output;
    one.path = (fs::path(output.path) / (name + ".safetensors")).string();
    one.summaries = output.json ? &summaries : nullptr;
    context.subject = prompt.path;
    try {
      check_output(one, {prompt.path});
      Restored found = foreign::restore_known(*place, prompt, query_of(options, model_folder));
      if (found.outcome != Restored::Outcome::restored) throw Error(ErrorKind::impossible, found.why, found.remedy);
      write_found(context, *place, std::move(found), static_cast<std::size_t>(prompt.tokens), target, one, encoding, edit);
      ++written;
    } catch (const Error& problem) {
      if (problem.kind() == ErrorKind::interrupted) throw;
      worst = std::max(worst, report_error(context, problem));
      summaries.push_back(
          {{"path", prompt.path}, {"error", problem.what()}, {"hint", documents::hint_of(problem.remedy(), prompt.path)}});
    }
  }
  if (made && written == 0) fs::remove(output.path, error);
  if (!context.quiet) say(fmt::format("{} of {} prompts imported", written, known.size()));
  if (output.json)
    print_late_json(context,
                    {{"schema", fmt::format("kvcache.{}/1", context.command)},
                     {"files", std::move(summaries)},
                     {"summary", {{"files", known.size()}, {"written", written}, {"failed", known.size() - written}}}});
  return worst;
}

}  // namespace kvcache::cli
