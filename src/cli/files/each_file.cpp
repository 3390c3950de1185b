#include "cli/files/each_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "catalog/find_files.h"
#include "cli/cli11.h"
#include "cli/files/list_named.h"
#include "cli/files/read_inputs.h"
#include "cli/options/numbers.h"
#include "cli/options/selection_options.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/words.h"
#include "cli/usage.h"
#include "common/remote_name.h"
#include "documents/hint.h"
#include "format/recognise.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

/// One of the files to edit.
struct Input {
  std::string path;
  std::string name;    ///< within the folder of outputs
  bool found = false;  ///< below a folder: it may be something else than a cache
};

/// Of several files the output is a folder; of one it is where its name ends in a slash, so that a mistyped name stays an
/// error.
bool is_folder(const std::string& path, bool several) {
  std::error_code error;
  return path.ends_with('/') || (several && fs::is_directory(path, error));
}

/// -o, of one of several files or of one that goes into a folder.
std::string place_in(const std::string& folder, const std::string& name) {
  if (detail::is_remote_name(folder)) return folder + name;
  return (fs::path(folder) / name).string();
}

bool lies_in(const std::string& path, const std::string& folder) {
  std::error_code error;
  const std::string inside = fs::weakly_canonical(path, error).string();
  const std::string around = (fs::weakly_canonical(folder, error) / "").string();
  return !error && inside.starts_with(around);
}

/// With -r, of a folder the caches below it, but for those that are outputs themselves.
std::vector<Input> inputs_of(const std::vector<std::string>& files, const OutputOptions& options) {
  std::vector<Input> out;
  for (const std::string& file : files) {
    std::error_code unknown;
    if (detail::is_remote_name(file)) {
      if (options.recursive && is_remote_folder(file))
        refuse_usage(fmt::format("-r takes folders of this machine, and {} is none", file),
                     "`kvcache ls --names` names what lies there, and any number of objects may be given");
      out.push_back({file, detail::local_name(file)});
      continue;
    }
    if (!options.recursive && fs::is_directory(file, unknown))
      throw Error(ErrorKind::io, fmt::format("{}: cannot be read: it is a directory", file), "-r takes every cache below it");
    if (!fs::is_directory(file, unknown)) {
      out.push_back({file, detail::local_name(file)});
      continue;
    }
    const bool local = !options.path.empty() && !detail::is_remote_name(options.path);
    const bool within = !options.in_place && local && !lies_in(file, options.path);
    for (const catalog::Found& found : catalog::find_files(file, options.exclude)) {
      if (!found.error.empty())
        throw Error(ErrorKind::io, fmt::format("{}: this folder cannot be read: {}", found.path, found.error));
      if (!within || !lies_in(found.path, options.path)) out.push_back({found.path, found.below, true});
    }
  }
  return out;
}

/// What may not be among files that are edited one after another: what has no name for its output, and what would be met twice.
void check_files(const std::vector<Input>& files, const OutputOptions& options) {
  std::map<std::string, std::string> names;  // of the outputs: a path as the system sees it, and who has it
  for (const auto& [file, output, found] : files) {
    if (comes_once(file))
      refuse_usage(fmt::format("{} has no name to be written under", file == "-" ? "standard input" : "a pipe"),
                   "give it alone, with -o and the name of a file");
    std::error_code error;
    const fs::path real = fs::weakly_canonical(file, error);
    const std::string name = options.in_place ? (error ? file : real.string()) : output;
    const auto [other, added] = names.emplace(name, file);
    if (added) continue;
    if (options.in_place) refuse_usage(fmt::format("{} and {} are one file", other->second, file), "name it once");
    refuse_usage(fmt::format("{} and {} would both be written to {}", other->second, file, place_in(options.path, output)),
                 "write them to different folders, or rename one");
  }
}

/// Makes the folders of the outputs where they are missing, and takes them away again when nothing came of them.
class OutputFolders {
 public:
  OutputFolders() = default;
  OutputFolders(const OutputFolders&) = delete;
  OutputFolders& operator=(const OutputFolders&) = delete;
  ~OutputFolders() {
    std::error_code ignored;
    // Only where they are empty: from the innermost.
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
  }
  void make(const fs::path& folder) {
    std::error_code error;
    if (folder.empty() || fs::is_directory(folder, error)) return;
    if (folder.has_parent_path() && folder.parent_path() != folder && folder.has_filename()) make(folder.parent_path());
    if (fs::create_directory(folder, error)) made_.push_back(folder);
    if (error) throw Error(ErrorKind::io, fmt::format("cannot create the folder {}: {}", folder.string(), error.message()));
  }

 private:
  std::vector<fs::path> made_;
};

struct EditTally {
  std::size_t done = 0;
  std::size_t failed = 0;
  std::map<std::string, std::size_t> others;  // found, and no caches: what they are
  int code = 0;
  std::vector<Json> documents;
};

/// What was found below a folder and does not claim to be a cache is passed over.
bool is_something_else(const Input& input, const Error& error, EditTally& tally) {
  if (!input.found || error.kind() != ErrorKind::unreadable) return false;
  const std::string what = detail::something_else(input.path, error.code(), catalog::is_named_as_cache(input.path));
  if (what.empty()) return false;
  ++tally.others[what];
  return true;
}

/// One of several. What goes wrong with it is said, and ends nothing but a request to stop.
void edit_one(Context& context, const Input& input, OutputOptions output, EditTally& tally,
              const std::function<int(const std::string&, const OutputOptions&)>& edit) {
  output.summaries = &tally.documents;
  try {
    end_of_one_output();
    const int code = edit(input.path, output);
    tally.code = std::max(tally.code, code);
    ++tally.done;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    if (!is_something_else(input, error, tally)) {
      if (context.subject.empty()) context.subject = input.path;
      const int code = report_error(context, error);
      tally.code = std::max(tally.code, code);
      ++tally.failed;
      tally.documents.push_back({{"path", detail::without_secrets(input.path)},
                                 {"error", error.what()},
                                 {"hint", documents::hint_of(error.remedy(), input.path)},
                                 {"exit", code}});
    }
  }
  context.subject.clear();
}

void sum_up(const Context& context, const OutputOptions& options, EditTally& tally) {
  const std::size_t files = tally.done + tally.failed;
  std::size_t others = 0;
  for (const auto& [what, count] : tally.others) others += count;
  if (!context.quiet)
    say(fmt::format(
        "{}: {} written{}{}", count_of(files, "file"), tally.done,
        tally.failed == 0 ? "" : fmt::format(", {} failed", tally.failed),
        others == 0 ? "" : fmt::format("; {} more {} no cache{}", others, others == 1 ? "is" : "are", others == 1 ? "" : "s")));
  if (!options.json) return;
  Json document = {{"schema", fmt::format("kvcache.{}/1", context.command)},
                   {"files", std::move(tally.documents)},
                   {"summary", {{"files", files}, {"written", tally.done}, {"failed", tally.failed}}}};
  if (others > 0) document["summary"]["not_caches"] = others;
  print_late_json(context, document);
}

}  // namespace

void add_files(CLI::App& app, std::vector<std::string>& files, OutputOptions& output, const std::string& what) {
  app.add_option("FILE", files, what + "; - is standard input. Several with --in-place, or with -o and a folder")->required();
  app.add_flag("-r,--recursive", output.recursive, "Take folders, too: every cache below them. -o DIR/ has the same folders");
  add_exclude(app, output.exclude);
  app.add_option_function<std::string>(
         "-j,--jobs",
         [&output](const std::string& text) {
           const auto threads = parse_integer(text, 1, 4096);
           if (!threads) throw CLI::ValidationError("--jobs", fmt::format("'{}' is not a whole number from 1 to 4096", text));
           output.threads = static_cast<unsigned>(*threads);
         },
         "Threads (default: as many as there are cores)")
      ->type_name("N");
}

int for_each_file(Context& context, const std::vector<std::string>& files, const OutputOptions& options,
                  const std::function<int(const std::string& file, const OutputOptions& output)>& edit) {
  const std::vector<Input> inputs = inputs_of(files, options);
  if (inputs.empty())
    refuse_usage(fmt::format("nothing to edit: no caches in {}", files.size() == 1 ? files.front() : "these folders"),
                 "name a folder that has *.safetensors files, or the files themselves");
  const bool several = inputs.size() > 1 || inputs.front().found;
  const bool into_folder = !options.in_place && is_folder(options.path, several);
  if (!several && !into_folder) return edit(inputs.front().path, options);
  if (!options.in_place && !into_folder) {
    // Neither, both or one file for several.
    const bool elsewhere = std::ranges::any_of(inputs, detail::is_remote_name, &Input::path);
    if (options.path.empty())
      refuse_usage("no output is given", elsewhere || !options.has_in_place
                                             ? "-o DIR/ writes them to a folder"
                                             : "--in-place replaces each file, -o DIR/ writes them to a folder");
    refuse_usage(
        fmt::format("-o {} is one output for {}", options.path, count_of(inputs.size(), "file")),
        options.to_stdout() ? "-o DIR/ writes them to a folder" : fmt::format("-o {}/ is a folder for them", options.path));
  }
  if (options.in_place && !options.path.empty()) refuse_usage("-o and --in-place exclude each other", "give one of them");
  check_files(inputs, options);
  OutputFolders folders;
  const auto output_for = [&](const Input& input) {
    OutputOptions output = options;
    if (!into_folder) return output;
    output.path = place_in(options.path, input.name);
    if (!detail::is_remote_name(output.path)) folders.make(fs::path(output.path).parent_path());
    return output;
  };
  if (!several) return edit(inputs.front().path, output_for(inputs.front()));
  EditTally tally;
  for (const Input& input : inputs) edit_one(context, input, output_for(input), tally, edit);
  sum_up(context, options, tally);
  return tally.code;
}

}  // namespace kvcache::cli
