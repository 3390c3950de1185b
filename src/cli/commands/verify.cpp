// kvcache verify: is this file intact, and who can load it?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "catalog/find_files.h"
#include "cli/commands.h"
#include "cli/files/read_inputs.h"
#include "cli/options/numbers.h"
#include "cli/render/verify_output.h"
#include "cli/terminal/hint.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "common/nearest.h"
#include "format/recognise.h"
#include "kvcache/error.h"
#include "kvcache/model_folder.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "platform/in_order.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::vector<std::string> paths;
  bool recursive = false;
  std::optional<std::int64_t> jobs;
  std::vector<std::string> load_in;
  std::string model_dir;
  bool data = false;
  bool strict = false;
  bool fix = false;
  std::string format = "text";
  bool json = false;
};

/// A file to check. What was found in a folder may be something else, what was named is reported whatever it is.
struct Candidate {
  catalog::Found found;
  bool named = false;
};

std::vector<Candidate> files_of(const Context& context, const Options& options) {
  std::vector<Candidate> out;
  for (const std::string& path : options.paths) {
    std::error_code unknown;
    if (!options.recursive || !std::filesystem::is_directory(path, unknown)) {
      out.push_back({{path, {}}, true});
      continue;
    }
    std::vector<catalog::Found> below = catalog::find_files(path);
    // Of the only path that is an error (below).
    if (below.empty() && options.paths.size() > 1 && !context.quiet)
      warn(context, fmt::format("{}: no cache files in this folder", path));
    for (catalog::Found& found : below) out.push_back({std::move(found), false});
  }
  return out;
}

void add_loaders(VerifyOptions& how, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (id == "all") {
      for (const Dialect& d : dialects())
        if (d.writable) how.load_in.emplace_back(d.era);
    } else if (const auto family = find_family(id)) {
      how.load_in_any.push_back(*family);
    } else {
      how.load_in.push_back(find_target(id));
    }
  }
}

std::string known_formats(const std::string& separator) {
  std::string out;
  for (const VerifyFormat& format : verify_formats()) out += (out.empty() ? "" : separator) + std::string(format.name);
  return out;
}

const VerifyFormat& format_of(const Options& options) {
  std::vector<std::string_view> names;
  for (const VerifyFormat& format : verify_formats()) {
    if (format.name == (options.json ? "json" : options.format)) return format;
    names.push_back(format.name);
  }
  const std::string_view meant = detail::nearest(options.format, names);
  throw Error(ErrorKind::usage, fmt::format("--format: '{}' is not one of {}", options.format, known_formats(", ")),
              meant.empty() ? "" : fmt::format("did you mean {}?", meant));
}

FileReport unreadable_folder(const catalog::Found& found) {
  FileReport report;
  report.path = found.path;
  report.status = Status::unreadable;
  report.findings.push_back({"KV100", Severity::error, {}, {}, "this folder cannot be read: " + found.error, {}});
  report.exit_code = 5;
  return report;
}

/// A report, and what the file is where it need not be a cache and is none.
struct Outcome {
  FileReport report;
  std::string something_else;
};

FileReport verify_one(const catalog::Found& found, const VerifyOptions& how) {
  if (!found.error.empty()) return unreadable_folder(found);
  FileReport report = verify_file(found.path, how);
  std::error_code unknown;
  if (report.exit_code == 5 && std::filesystem::is_directory(found.path, unknown))
    for (Finding& finding : report.findings) finding.hint = "-r checks the files in it";
  // Commands to paste, with the names at hand.
  for (Finding& finding : report.findings) finding.hint = with_names(finding.hint, found.path);
  for (auto& [era, verdict] : report.loads_in) verdict.fix = with_names(verdict.fix, found.path);
  return report;
}

Outcome look_at(const Candidate& candidate, const VerifyOptions& how) {
  Outcome out{verify_one(candidate.found, how), {}};
  if (!candidate.named && out.report.exit_code == exit_code(ErrorKind::unreadable))
    out.something_else = detail::something_else(candidate.found.path, out.report.findings.front().code,
                                                catalog::is_named_as_cache(candidate.found.path));
  return out;
}

/// A wrong path, or an empty folder, must not pass for one in order.
[[noreturn]] void refuse_nothing(const Options& options, const VerifyCounts& counts) {
  const std::string where = options.paths.size() == 1 ? options.paths.front() : "these folders";
  std::string others = not_caches_in_words(counts);
  if (const std::size_t more = others.find(" more "); more != std::string::npos) others.erase(more, 5);
  throw Error(ErrorKind::usage, fmt::format("nothing to check: no caches in {}{}", where, others.empty() ? "" : "; " + others),
              "name a folder that has *.safetensors files, or the files themselves");
}

bool has_warning(const FileReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::warning; });
}

int run(Context& context, const Options& options) {
  check_inputs(options.paths);
  const VerifyFormat& format = format_of(options);
  VerifyOptions how;
  how.data = options.data;
  how.fix = options.fix;
  add_loaders(how, options.load_in);
  if (!options.model_dir.empty()) {
    context.subject = options.model_dir;
    how.model = std::make_shared<const ModelFolder>(read_model_folder(options.model_dir));
    context.subject.clear();
  }
  const std::vector<Candidate> files = files_of(context, options);

  // Threads go to files first; what is left of them scans the data of one.
  const auto threads = static_cast<std::size_t>(options.jobs.value_or(std::max(1U, std::thread::hardware_concurrency())));
  const std::size_t workers = std::min(threads, std::max<std::size_t>(1, files.size()));
  how.threads = static_cast<unsigned>(threads / workers);
  ProgressBar bar(context, "reading");
  if (workers == 1) how.progress = bar.callback();

  const std::unique_ptr<VerifyOutput> output = format.make(context, options.strict);
  VerifyCounts counts;
  int code = 0;
  detail::in_order<Outcome>(
      files.size(), workers, [&](std::size_t i) { return look_at(files[i], how); },
      [&](std::size_t i, const Outcome& outcome) {
        const FileReport& report = outcome.report;
        if (!outcome.something_else.empty()) {
          counts.not_caches[outcome.something_else].push_back(files[i].found.path);
          return;
        }
        ++counts.files;
        ++counts.by_status[report.status];
        code = std::max({code, report.exit_code, options.strict && has_warning(report) ? 1 : 0});
        output->add(report);
      });
  if (counts.files == 0) refuse_nothing(options, counts);
  output->finish(counts);
  return code;
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("PATH", options->paths, "Files, or folders with -r; - is standard input")->required();
  app.add_flag(
      "-r,--recursive", options->recursive,
      "Check every *.safetensors and gzip-compressed *.gz below a folder; what does not claim to be a cache is counted only");
  add_integer(app, "-j,--jobs", options->jobs, 1, 1024, "Threads (default: as many as there are cores)");
  app.add_option(
         "--for", options->load_in,
         "It is an error when this format's runtime cannot load the file, for example mlx-lm@0.31, or a single release, "
         "mlx-lm@0.30.7; a runtime alone (mlx-lm) when no release of it can; `all` for every format. May be repeated")
      ->type_name("ID")
      ->allow_extra_args(false);
  app.add_option("--model", options->model_dir, "Compare with a model's folder: its config.json, and the digests of a stamp")
      ->type_name("DIR")
      ->check(not_empty());
  app.add_flag("--data", options->data, "Read all data: NaN, infinities, rows of zeros");
  app.add_flag("--strict", options->strict, "Exit with 1 for warnings, too");
  app.add_flag("--fix", options->fix, "Show what `kvcache repair` would do, without doing it");
  app.add_option("--format", options->format, "How to print the results (default text)")->type_name(known_formats("|"));
  app.add_flag("--json", options->json, "The same as --format json");
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command verify_command = {
    "verify",
    Group::checking,
    "Check that caches are intact, and say which runtimes can load them",
    "  kvcache verify chat.safetensors\n"
    "  kvcache verify --data --for mlx-lm@0.31 chat.safetensors   before a deployment\n"
    "  kvcache verify -r -q ~/prompt-caches                       only what is broken\n"
    "  kvcache verify -r --format junit caches > verify.xml       for CI; github and sarif are others",
    declare,
    "Every problem has a code that keeps its meaning. Without --data only the header and small arrays are read. The "
    "exit status is 1 when an error was found, or with --strict a warning; 3 when a file is no readable prompt "
    "cache; 5 when it could not be opened.\n\n"
    "With -r, files that do not claim to be caches (model weights, token ids, archives, what macOS leaves on foreign drives) "
    "are "
    "counted and passed over; a damaged cache, an empty file and a pointer of Git LFS are not. A file that is named is always "
    "reported. Nothing to check at all is exit status 2."};

}  // namespace kvcache::cli
