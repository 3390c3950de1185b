// kvcache verify: is this file intact, and who can load it?
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "catalog/verify_files.h"
#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/list_named.h"
#include "cli/files/open.h"
#include "cli/files/read_inputs.h"
#include "cli/files/remote_use.h"
#include "cli/options/numbers.h"
#include "cli/options/selection_options.h"
#include "cli/render/verify_output.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "common/nearest.h"
#include "common/remote_name.h"
#include "kvcache/error.h"
#include "kvcache/model_folder.h"
#include "kvcache/verify.h"
#include "model/find_model.h"

namespace kvcache::cli {
namespace {

struct VerifyArguments {
  std::vector<std::string> paths;
  bool recursive = false;
  std::optional<std::int64_t> jobs;
  std::vector<std::string> load_in;
  std::vector<std::string> exclude;
  std::string model_dir;
  bool data = false;
  bool strict = false;
  bool fix = false;
  bool infos = false;
  std::string format = "text";
  bool json = false;
};

std::string known_formats(const std::string& separator) {
  std::string out;
  for (const VerifyFormat& format : verify_formats()) out += (out.empty() ? "" : separator) + std::string(format.name);
  return out;
}

const VerifyFormat& format_of(const VerifyArguments& options) {
  std::vector<std::string_view> names;
  for (const VerifyFormat& format : verify_formats()) {
    if (format.name == (options.json ? "json" : options.format)) return format;
    names.push_back(format.name);
  }
  const std::string_view meant = detail::nearest(options.format, names);
  throw Error(ErrorKind::usage, fmt::format("--format: '{}' is not one of {}", options.format, known_formats(", ")),
              meant.empty() ? "" : fmt::format("did you mean {}?", meant));
}

bool has_warning(const FileReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::warning; });
}

int exit_code_of(const FileReport& report) {
  if (report.failure) return exit_code(*report.failure);
  return report.status == Status::errors ? 1 : 0;
}

/// What lies elsewhere is looked at in threads of which most wait for answers.
void add_elsewhere(const Context& context, catalog::FilesToVerify& files) {
  files.open_elsewhere = [&context](const std::string& name) -> std::shared_ptr<const ByteSource> {
    return detail::is_remote_name(name) ? remote_of(context).open(name) : nullptr;
  };
  files.open = [&context](const std::string& name) { return open_named(context, name); };
  files.find_elsewhere = [&context,
                          exclude = files.exclude](const std::string& folder) -> std::optional<std::vector<std::string>> {
    if (!is_remote_folder(folder)) return std::nullopt;
    std::vector<std::string> names;
    for (catalog::ListedFile& file : find_remote(context, folder, exclude)) names.push_back(std::move(file.path));
    return names;
  };
  const bool any = std::any_of(files.paths.begin(), files.paths.end(), detail::is_remote_name);
  if (any && files.threads == 0 && (files.paths.size() > 1 || files.recursive)) files.threads = remote_workers;
}

int run_verify(Context& context, const VerifyArguments& options) {
  check_inputs(options.paths);
  const VerifyFormat& format = format_of(options);
  catalog::FilesToVerify files;
  files.paths = options.paths;
  files.recursive = options.recursive;
  files.exclude = options.exclude;
  files.threads = static_cast<unsigned>(options.jobs.value_or(0));
  files.how.data = options.data;
  files.how.fix = options.fix;
  files.how.loads_in = format.shows_loads_in;
  for (const std::string& id : options.load_in) catalog::add_loader(files.how, id);
  if (!options.model_dir.empty()) {
    context.subject = options.model_dir;
    files.how.model = std::make_shared<const ModelFolder>(read_model_folder(detail::require_model(options.model_dir)));
    context.subject.clear();
  }
  files.empty_folder = [&](const std::string& folder) {
    if (!context.quiet) warn(context, fmt::format("{}: no cache files in this folder", folder));
  };
  add_elsewhere(context, files);
  ProgressBar bar(context, "reading");
  files.how.progress = bar.callback();

  const std::unique_ptr<VerifyOutput> output = format.make(context, {options.strict, options.infos, !options.load_in.empty()});
  int code = 0;
  const VerifyCounts counts = catalog::verify_files(files, [&](const FileReport& report, bool named) {
    code = std::max({code, exit_code_of(report), options.strict && has_warning(report) ? 1 : 0});
    output->add(report, named);
  });
  output->finish(counts);
  return code;
}

Action declare_verify(CLI::App& app, Context& context) {
  const auto options = std::make_shared<VerifyArguments>();
  app.add_option("PATH", options->paths, "Files, or folders and s3://BUCKET/PREFIX/ with -r; - is standard input")->required();
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
  add_exclude(app, options->exclude);
  app.add_option("--model", options->model_dir,
                 "Compare with a model's config.json and the digests of a stamp: its folder, or an id of Hugging Face")
      ->type_name("MODEL")
      ->check(not_empty());
  app.add_flag("--data", options->data, "Read all data: NaN, infinities, rows of zeros");
  app.add_flag("--strict", options->strict, "Exit with 1 for warnings, too");
  app.add_flag("--fix", options->fix, "Show what `kvcache repair` would do, without doing it");
  app.add_flag("--infos", options->infos, "Infos and notes as well: facts about who can use a file that is fine");
  app.add_option("--format", options->format, "How to print the results (default text)")->type_name(known_formats("|"));
  app.add_flag("--json", options->json, "The same as --format json");
  return [&context, options] { return run_verify(context, *options); };
}

}  // namespace

const Command verify_command = {
    "verify",
    Group::checking,
    "Check that caches are intact, and say which runtimes can load them",
    "  kvcache verify chat.safetensors\n"
    "  kvcache verify --data --for mlx-lm@0.31 chat.safetensors   before a deployment\n"
    "  kvcache verify -r ~/prompt-caches         a screenful, whatever is in there\n"
    "  kvcache verify -r -q ~/prompt-caches      every file that is broken, and no more\n"
    "  kvcache verify -r --format junit caches > verify.xml    for CI, as github, sarif\n",
    declare_verify,
    "Every problem has a code that keeps its meaning. Without --data only the header and small arrays are read. The "
    "exit status is 1 when an error was found, or with --strict a warning; 3 when a file is no readable prompt "
    "cache; 5 when it could not be opened.\n\n"
    "A file that is fine is one line; files of folders (-r) are counted, of others the gravest finding is shown, and what "
    "exceeds a screenful is summed up by code. `kvcache explain KV411` says what a code means. github and sarif carry errors "
    "and warnings, up to what their servers take: 10 annotations, 5,000 results. --json is always everything.\n\n"
    "With -r, hidden folders are searched, too: most caches lie in one, such as ~/.cache or ~/.omlx; --exclude leaves some "
    "out. "
    "Files that do not claim to be caches (model weights, token ids, archives, what macOS leaves on foreign drives) "
    "are "
    "counted and passed over; a damaged cache, an empty file and a pointer of Git LFS are not. A file that is named is always "
    "reported. Nothing to check at all is exit status 2."};

}  // namespace kvcache::cli
