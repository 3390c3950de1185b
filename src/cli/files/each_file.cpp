#include "cli/files/each_file.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "cli/files/read_inputs.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::usage, message, hint);
}

/// Of several files the output is a folder; of one it is where its name ends in a slash, so that a mistyped name stays an
/// error.
bool is_folder(const std::string& path, std::size_t files) {
  std::error_code error;
  return path.ends_with('/') || (files > 1 && fs::is_directory(path, error));
}

/// -o, of one of several files or of one that goes into a folder.
std::string place_in(const std::string& folder, const std::string& file) {
  if (detail::is_remote_name(folder)) return folder + detail::local_name(file);
  return (fs::path(folder) / detail::local_name(file)).string();
}

/// What may not be among files that are edited one after another: what has no name for its output, and what would be met twice.
void check_files(const std::vector<std::string>& files, const OutputOptions& options) {
  std::map<std::string, std::string> names;  // of the outputs: a path as the system sees it, and who has it
  for (const std::string& file : files) {
    if (comes_once(file))
      refuse(fmt::format("{} has no name to be written under", file == "-" ? "standard input" : "a pipe"),
             "give it alone, with -o and the name of a file");
    std::error_code error;
    const fs::path real = fs::weakly_canonical(file, error);
    const std::string name = options.in_place ? (error ? file : real.string()) : detail::local_name(file);
    const auto [other, added] = names.emplace(name, file);
    if (added) continue;
    if (options.in_place) refuse(fmt::format("{} and {} are one file", other->second, file), "name it once");
    refuse(fmt::format("{} and {} would both be written to {}", other->second, file, place_in(options.path, file)),
           "write them to different folders, or rename one");
  }
}

/// Makes the folder of the outputs where it is missing, and takes it away again when nothing came of it.
class OutputFolder {
 public:
  explicit OutputFolder(const std::string& path) : path_(path) {
    std::error_code error;
    made_ = fs::create_directory(path, error);
    if (error) throw Error(ErrorKind::io, fmt::format("cannot create the folder {}: {}", path, error.message()));
  }
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder() {
    std::error_code ignored;
    if (made_) fs::remove(path_, ignored);  // only where it is empty
  }

 private:
  std::string path_;
  bool made_ = false;
};

struct Tally {
  std::size_t done = 0;
  int code = 0;
  std::vector<Json> documents;
};

/// One of several. What goes wrong with it is said, and ends nothing but a request to stop.
void edit_one(Context& context, const std::string& file, OutputOptions output, Tally& tally,
              const std::function<int(const std::string&, const OutputOptions&)>& edit) {
  output.summaries = &tally.documents;
  try {
    end_of_one_output();
    const int code = edit(file, output);
    tally.code = std::max(tally.code, code);
    ++tally.done;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    if (context.subject.empty()) context.subject = file;
    const int code = report_error(context, error);
    tally.code = std::max(tally.code, code);
    tally.documents.push_back(
        {{"path", detail::without_secrets(file)}, {"error", error.what()}, {"hint", error.hint()}, {"exit", code}});
  }
  context.subject.clear();
}

void sum_up(const Context& context, std::size_t files, const OutputOptions& options, Tally& tally) {
  const std::size_t failed = files - tally.done;
  if (!context.quiet)
    say(fmt::format("{}: {} written{}", count_of(files, "file"), tally.done,
                    failed == 0 ? "" : fmt::format(", {} failed", failed)));
  if (!options.json) return;
  print_late_json(context, {{"schema", fmt::format("kvcache.{}/1", context.command)},
                            {"files", std::move(tally.documents)},
                            {"summary", {{"files", files}, {"written", tally.done}, {"failed", failed}}}});
}

}  // namespace

void add_files(CLI::App& app, std::vector<std::string>& files, const std::string& what) {
  app.add_option("FILE", files, what + "; - is standard input. Several with --in-place, or with -o and a folder")->required();
}

int for_each_file(Context& context, const std::vector<std::string>& files, const OutputOptions& options,
                  const std::function<int(const std::string& file, const OutputOptions& output)>& edit) {
  const bool into_folder = !options.in_place && is_folder(options.path, files.size());
  if (files.size() == 1 && !into_folder) return edit(files.front(), options);
  if (!options.in_place && !into_folder) {
    // Neither, both or one file for several.
    if (options.path.empty()) refuse("no output is given", "--in-place replaces each file, -o DIR/ writes them to a folder");
    refuse(fmt::format("-o {} is one output for {}", options.path, count_of(files.size(), "file")),
           options.to_stdout() ? "-o DIR/ writes them to a folder" : fmt::format("-o {}/ is a folder for them", options.path));
  }
  if (options.in_place && !options.path.empty()) refuse("-o and --in-place exclude each other", "give one of them");
  check_files(files, options);
  std::optional<OutputFolder> folder;
  if (into_folder && !detail::is_remote_name(options.path)) folder.emplace(options.path);
  const auto output_for = [&](const std::string& file) {
    OutputOptions output = options;
    if (into_folder) output.path = place_in(options.path, file);
    return output;
  };
  if (files.size() == 1) return edit(files.front(), output_for(files.front()));
  Tally tally;
  for (const std::string& file : files) edit_one(context, file, output_for(file), tally, edit);
  sum_up(context, files.size(), options, tally);
  return tally.code;
}

}  // namespace kvcache::cli
