// kvcache ls: the caches of a folder.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>

#include "catalog/list_files.h"
#include "catalog/selection.h"
#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/list_named.h"
#include "cli/files/remote_use.h"
#include "cli/options/choice.h"
#include "cli/options/numbers.h"
#include "cli/options/selection_options.h"
#include "cli/render/listing.h"
#include "cli/terminal/say.h"
#include "common/remote_name.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

using catalog::ListedFile;

struct LsArguments {
  std::vector<std::string> places;
  catalog::Selection selection;
  catalog::ListOptions how;
  std::string sort;
  std::optional<std::int64_t> limit;
  bool names = false;
  bool null = false;
  bool csv = false;
  bool duplicates = false;
  bool folders = false;
  bool json = false;
};

/// "size", "size:asc", "model:desc". Of numbers the largest come first unless told otherwise, of times the oldest: what can go.
void sort_files(std::vector<ListedFile>& files, const std::string& by) {
  const std::string key = by.substr(0, by.find(':'));
  const auto order = [&](const ListedFile& a, const ListedFile& b) {
    if (key == "size") return a.bytes > b.bytes;
    if (key == "age") return a.modified < b.modified;
    if (key == "accessed") return a.accessed < b.accessed;
    if (key == "tokens") return a.tokens > b.tokens;
    if (key == "model") return a.model < b.model;
    if (key == "format") return a.format < b.format;
    return key == "name" && a.path < b.path;  // else as found: by name
  };
  const bool numeric = key == "size" || key == "age" || key == "accessed" || key == "tokens";
  const bool turned = by.ends_with(numeric ? ":asc" : ":desc");
  std::stable_sort(files.begin(), files.end(),
                   [&](const ListedFile& a, const ListedFile& b) { return turned ? order(b, a) : order(a, b); });
}

std::string check_sort(const std::string& text) {
  std::string key = text.substr(0, text.find(':'));
  const std::string direction = text.substr(key.size());
  if (direction.empty() || direction == ":asc" || direction == ":desc")
    return one_of({"size", "age", "model", "tokens", "name", "accessed", "format"})(key);
  return fmt::format("'{}' turns it neither with :asc nor with :desc", text);
}

void print_names(const Listing& listing, bool null) {
  std::string out;
  for (std::size_t i = 0; i < listing.shown; ++i) {
    out += listing.files[i].path;
    out += null ? '\0' : '\n';
  }
  print(out);
}

void print_listing(const Context& context, const LsArguments& options, const Listing& listing) {
  if (options.names || options.null) return print_names(listing, options.null);
  if (options.csv) return print(listing_csv(listing));
  if (options.json)
    return print_json_with_list(with_usage(context, listing_json(listing)), "files", listing.shown,
                                [&listing](std::size_t i) { return file_json(listing.files[i]); });
  print(listing_text(context, listing));
}

void check(const LsArguments& options) {
  const int forms =
      static_cast<int>(options.names || options.null) + static_cast<int>(options.csv) + static_cast<int>(options.json);
  if (forms > 1) throw Error(ErrorKind::usage, "--names, --csv and --json exclude each other", "give one of them");
  if (options.folders && (forms > (options.json ? 1 : 0) || options.duplicates))
    throw Error(ErrorKind::usage, "--folders are sums, the largest first, not files", "--json has both");
  if (options.duplicates && (options.names || options.null || options.csv))
    throw Error(ErrorKind::usage, "--duplicates are groups of files, not one line each", "--json has them for programs");
}

int run_ls(Context& context, const LsArguments& options) {
  check(options);
  if (options.duplicates &&
      std::ranges::any_of(options.places, [](const std::string& place) { return detail::is_remote_name(place); }))
    throw Error(ErrorKind::usage, "--duplicates reads the keys of every file: only of folders on this machine",
                "copy them here first");
  const std::vector<std::string> places = options.places.empty() ? std::vector<std::string>{""} : options.places;
  Listing listing;
  listing.relative = places.size() == 1;
  std::vector<catalog::Found> unreadable;
  for (const std::string& place : places) {
    context.subject = place;
    std::vector<catalog::Found> folders = list_named(context, place, options.how, [&](ListedFile file) {
      if (file.kind == ListedFile::Kind::other)
        ++listing.other;
      else if (!options.selection.any() || options.selection.judge(file).meant)
        listing.files.push_back(std::move(file));
      else
        ++listing.passed_over;
    });
    std::move(folders.begin(), folders.end(), std::back_inserter(unreadable));
  }
  context.subject.clear();
  sort_files(listing.files, options.sort);
  listing.shown =
      options.limit ? std::min(listing.files.size(), static_cast<std::size_t>(*options.limit)) : listing.files.size();
  if (options.folders)
    listing.by_folder = static_cast<std::size_t>(options.limit.value_or(std::numeric_limits<std::int64_t>::max()));
  if (options.duplicates) listing.duplicates = catalog::find_duplicates(listing.files);
  print_listing(context, options, listing);
  for (const catalog::Found& folder : unreadable)
    warn(context, fmt::format("{}: this folder cannot be read: {}", folder.path, folder.error));
  return unreadable.empty() ? 0 : exit_code(ErrorKind::io);
}

void declare_selection(CLI::App& app, LsArguments& options) {
  catalog::Selection& selection = options.selection;
  app.add_option_function<std::string>(
         "--model", [&selection](const std::string& model) { selection.model = model_names(model); },
         "Only caches of this model: as it is shown here, a folder of it, or an id of Hugging Face")
      ->type_name("M");
  app.add_option_function<std::string>(
         "--format", [&selection](const std::string& id) { selection.format = listed_format(id); },
         "Only files of this format, as it is shown here; omlx for its blocks")
      ->type_name("ID");
  app.add_option_function<std::string>(
         "--tokens", [&selection](const std::string& text) { selection.tokens.push_back(parse_token_bound("--tokens", text)); },
         "Only caches of more tokens than N, or less: '>4096', '<32k'")
      ->type_name("[<>]N")
      ->trigger_on_parse();
  app.add_option_function<std::string>(
         "--size", [&selection](const std::string& text) { selection.bytes.push_back(parse_byte_bound("--size", text)); },
         "Only files that take more than this, or less: '>1GB'")
      ->type_name("[<>]SIZE")
      ->trigger_on_parse();
  app.add_option_function<std::string>(
         "--modified",
         [&selection](const std::string& text) { selection.modified.push_back(parse_time_bound("--modified", text)); },
         "Only files last written longer ago, or since: '>30d', '<12h', '<2026-01-31'")
      ->type_name("[<>]AGE")
      ->trigger_on_parse();
  app.add_option_function<std::string>(
         "--accessed",
         [&selection](const std::string& text) { selection.accessed.push_back(parse_time_bound("--accessed", text)); },
         "Only files last read longer ago, or since, as far as the file system keeps that")
      ->type_name("[<>]AGE")
      ->trigger_on_parse();
  app.add_flag("--broken", selection.broken, "Only what is damaged or has errors");
  add_exclude(app, options.how.exclude);
}

Action declare_ls(CLI::App& app, Context& context) {
  const auto options = std::make_shared<LsArguments>();
  app.add_option("DIR", options->places,
                 "Folders, searched with all below them, or files; s3://BUCKET/PREFIX/; the current folder otherwise");
  declare_selection(app, *options);
  app.add_option(
         "--sort", options->sort,
         "size, age, model, tokens, name, accessed or format; with :asc or :desc the other way round. Largest, oldest and "
         "longest come first; by name otherwise")
      ->check(CLI::Validator([](std::string& text) { return check_sort(text); }, ""))
      ->type_name("KEY[:desc]");
  add_integer(app, "--limit", options->limit, 0, std::numeric_limits<std::int64_t>::max(), "Show only the first N");
  app.add_flag("--names", options->names, "Only their names, one a line: for other programs");
  app.add_flag("-0,--null", options->null, "The same, each ended by a NUL instead: for xargs -0");
  app.add_flag("--csv", options->csv, "As comma-separated values, with a line of titles");
  app.add_flag("--folders", options->folders, "Sums by folder instead of files, the largest first");
  app.add_flag("--duplicates", options->duplicates,
               "Which hold the same: the same arrays, the same prompt, or one prompt and its beginning");
  app.add_flag("--json", options->json, "Everything, as JSON");
  return [&context, options] { return run_ls(context, *options); };
}

}  // namespace

const Command ls_command = {
    "ls",
    Group::looking,
    "List the caches of a folder: tokens, size, values, age, format, model",
    "  kvcache ls ~/.cache/prompts\n"
    "  kvcache ls --sort size --json ~/.cache/prompts | jq .totals\n"
    "  kvcache ls --accessed '>30d' --sort size --limit 20       the largest that nobody reads\n"
    "  kvcache ls --broken --names > broken.txt\n"
    "  kvcache ls --duplicates",
    declare_ls,
    "Folders are searched for *.safetensors and gzip-compressed *.gz, and for what other projects keep their prompts in "
    "(docs/foreign.md), in hidden folders, too: most caches lie in one, such as ~/.cache or ~/.omlx. Links to folders are not "
    "followed. Only headers are read, and for --duplicates the keys of one layer, "
    "and all data of files that agree in them. What this command "
    "reads does not count as an access of the file (on Linux, of your own files).\n\n"
    "Of several conditions all have to hold."};

}  // namespace kvcache::cli
