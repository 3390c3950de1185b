// kvcache ls: the caches of a folder.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>

#include "catalog/list_files.h"
#include "cli/commands.h"
#include "cli/files/list_named.h"
#include "cli/files/remote_use.h"
#include "cli/options/choice.h"
#include "cli/options/quantities.h"
#include "cli/render/json.h"
#include "cli/render/table.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::vector<std::string> places;
  std::string sort;
  bool json = false;
};

/// What is no cache is counted, not listed.
struct Listing {
  std::vector<catalog::ListedFile> files;
  std::size_t other = 0;
};

std::string age(std::chrono::system_clock::time_point modified) {
  return detail::human_age(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - modified));
}

void sort_files(std::vector<catalog::ListedFile>& files, const std::string& by) {
  const auto order = [&](const catalog::ListedFile& a, const catalog::ListedFile& b) {
    if (by == "size") return a.bytes > b.bytes;
    if (by == "age") return a.modified < b.modified;  // oldest first: what can go
    if (by == "tokens") return a.tokens > b.tokens;
    if (by == "model") return a.model < b.model;
    return false;  // as found: by name
  };
  std::stable_sort(files.begin(), files.end(), order);
}

std::string_view kind_name(const catalog::ListedFile& file) {
  switch (file.kind) {
    case catalog::ListedFile::Kind::cache:
      return "cache";
    case catalog::ListedFile::Kind::block:
      return file.format == "omlx block" ? "omlx block" : "block";
    case catalog::ListedFile::Kind::sidecar:
      return "sidecar";
    case catalog::ListedFile::Kind::temporary:
      return "temporary";
    case catalog::ListedFile::Kind::broken:
      return "broken";
    case catalog::ListedFile::Kind::other:
      break;
  }
  return "other";
}

struct Total {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

std::map<std::string, Total> totals_by_model(const std::vector<catalog::ListedFile>& files) {
  std::map<std::string, Total> totals;
  for (const catalog::ListedFile& file : files) {
    Total& total = totals[file.model];
    ++total.files;
    total.bytes += file.bytes;
  }
  return totals;
}

void print_listing_json(const Context& context, const Listing& listing) {
  Json files = Json::array();
  std::uint64_t bytes = 0;
  for (const catalog::ListedFile& f : listing.files) {
    bytes += f.bytes;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(f.modified.time_since_epoch()).count();
    files.push_back({{"path", f.path},
                     {"kind", kind_name(f)},
                     {"model", f.model.empty() ? Json(nullptr) : Json(f.model)},
                     {"format", f.format.empty() ? Json(nullptr) : Json(f.format)},
                     {"tokens", f.tokens},
                     {"bytes", f.bytes},
                     {"modified", seconds},
                     {"verdict", f.verdict}});
  }
  Json models = Json::array();
  for (const auto& [model, total] : totals_by_model(listing.files))
    models.push_back({{"model", model.empty() ? Json(nullptr) : Json(model)}, {"files", total.files}, {"bytes", total.bytes}});
  print_json(
      with_usage(context, {{"schema", "kvcache.ls/1"},
                           {"files", std::move(files)},
                           {"models", std::move(models)},
                           {"totals", {{"files", listing.files.size()}, {"bytes", bytes}, {"not_caches", listing.other}}}}));
}

std::string shown_format(const catalog::ListedFile& file) {
  if (file.kind == catalog::ListedFile::Kind::broken) return "broken";
  return file.format;
}

void print_listing_text(const Context& context, const Listing& listing) {
  using Align = Table::Align;
  const Style style(context, stdout);
  Table table({{"tokens", Align::right},
               {"size", Align::right},
               {"age", Align::right},
               {"format", Align::left},
               {"model", Align::left},
               {"file", Align::left}},
              0, Table::Last::as_it_is);  // one line per file, to be searched and cut
  std::uint64_t bytes = 0;
  for (const catalog::ListedFile& f : listing.files) {
    bytes += f.bytes;
    const bool plain = f.verdict == "ok" || f.verdict == "warnings" || f.kind == catalog::ListedFile::Kind::block ||
                       f.kind == catalog::ListedFile::Kind::temporary;
    const std::string note = plain ? "" : fmt::format(": {}", printable(f.verdict));
    table.add({f.kind == catalog::ListedFile::Kind::broken ? "" : std::to_string(f.tokens),
               human_bytes(static_cast<double>(f.bytes)), age(f.modified), shown_format(f), printable(f.model, 32),
               shown_path(f.path) + note});
  }
  if (!listing.files.empty()) print(table.text(style));
  const auto totals = totals_by_model(listing.files);
  if (totals.size() > 1) {
    Table sums({{"model", Align::left}, {"files", Align::right}, {"size", Align::right}});
    for (const auto& [model, total] : totals)
      sums.add({model.empty() ? "(not named)" : printable(model, 48), std::to_string(total.files),
                human_bytes(static_cast<double>(total.bytes))});
    print("\n" + sums.text(style));
  }
  const std::string others = listing.other == 0   ? std::string()
                             : listing.other == 1 ? "; 1 more is no cache"
                                                  : fmt::format("; {} more are no caches", listing.other);
  print(fmt::format("{}{}, {}{}\n", listing.files.empty() ? "" : "\n", count_of(listing.files.size(), "file"),
                    human_bytes(static_cast<double>(bytes)), others));
}

int run(Context& context, const Options& options) {
  Listing listing;
  std::vector<catalog::Found> unreadable;
  for (const std::string& place : options.places) {
    context.subject = place;
    std::vector<catalog::Found> folders = list_named(context, place, [&](catalog::ListedFile file) {
      if (file.kind == catalog::ListedFile::Kind::other)
        ++listing.other;
      else
        listing.files.push_back(std::move(file));
    });
    std::move(folders.begin(), folders.end(), std::back_inserter(unreadable));
  }
  context.subject.clear();
  sort_files(listing.files, options.sort);
  if (options.json)
    print_listing_json(context, listing);
  else
    print_listing_text(context, listing);
  for (const catalog::Found& folder : unreadable)
    warn(context, fmt::format("{}: this folder cannot be read: {}", folder.path, folder.error));
  return unreadable.empty() ? 0 : exit_code(ErrorKind::io);
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("DIR", options->places, "Folders, searched with all below them, or files; s3://BUCKET/PREFIX/")->required();
  app.add_option("--sort", options->sort, "Largest, oldest, by model or longest first; by name otherwise")
      ->check(one_of({"size", "age", "model", "tokens"}))
      ->type_name("size|age|model|tokens");
  app.add_flag("--json", options->json, "Everything, as JSON");
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command ls_command = {
    "ls",
    Group::looking,
    "List the caches of a folder: model, format, tokens, size, age",
    "  kvcache ls ~/.cache/prompts\n"
    "  kvcache ls --sort size --json ~/.cache/prompts | jq .totals",
    declare,
    "Folders are searched for *.safetensors and gzip-compressed *.gz, and for what other projects keep their prompts in "
    "(docs/foreign.md); links to folders are not followed. Only headers are read."};

}  // namespace kvcache::cli
