// kvcache inspect: what is in this file?
#include "cli/render/inspect.h"
#include "cli/files/open.h"
#include "cli/files/remote_use.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/read_inputs.h"
#include "cli/render/inspect_foreign.h"
#include "cli/render/json.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "documents/inspect_json.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

struct InspectArguments {
  std::vector<std::string> files;
  InspectSections sections;
  bool json = false;
};

CacheStats shown_stats(const Context& context, const Document& document) {
  ProgressBar bar(context, "reading");
  StatsOptions how;
  how.progress = bar.callback();
  return statistics(document.cache, how);
}

/// A cache, or what there is to say of a file or folder of another project.
struct Opened {
  std::optional<SafetensorsFile> ours;
  std::vector<Json> theirs;
};

Opened open_any(const Context& context, const std::string& name) {
  Opened out;
  try {
    out.ours = open_named(context, name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    out.theirs = inspect_foreign(name);
    if (out.theirs.empty()) throw;
    return out;
  }
  out.theirs = inspect_foreign(name, out.ours->header());
  return out;
}

int run_inspect(Context& context, const InspectArguments& options) {
  check_inputs(options.files);
  int code = 0;
  Json shown = Json::array();
  // The last one goes with the process: taking it apart takes a tenth of what showing it does.
  static std::optional<Document> shown_last;
  bool first = true;
  bool several = options.files.size() > 1;
  for (const std::string& file : options.files) {
    context.subject = file;
    const remote::Usage before = remote_usage(context);
    try {
      Opened opened = open_any(context, file);
      if (!opened.theirs.empty()) {
        several = several || opened.theirs.size() > 1;
        for (const Json& place : opened.theirs) {
          if (options.json) {
            shown.push_back(place);
            continue;
          }
          if (!first) print("\n");
          first = false;
          print(foreign_text(place));
        }
        continue;
      }
      shown_last.reset();
      const Document& document = shown_last.emplace(decode(*std::move(opened.ours)));
      std::optional<CacheStats> stats;
      if (options.sections.stats) stats = shown_stats(context, document);
      if (options.json) {
        shown.push_back(with_usage(context, documents::inspect_json(document, stats ? &*stats : nullptr), before));
        continue;
      }
      if (!first) print("\n");
      first = false;
      print(inspect_text(context, document, options.sections));
      const bool alone = !options.sections.layers && !options.sections.tensors && !options.sections.metadata;
      if (stats) print((alone ? "" : "\n") + inspect_stats(context, *stats));
    } catch (const Error& error) {
      // The other files are shown all the same; but a standard output that is gone is gone for all of them.
      flush_stdout();
      if (reader_is_gone()) throw;
      code = std::max(code, report_error(context, error));
    }
  }
  context.subject.clear();
  if (options.json && several) print_json(shown);
  if (options.json && !several && !shown.empty()) print_json(shown.front());
  return code;
}

Action declare_inspect(CLI::App& app, Context& context) {
  const auto options = std::make_shared<InspectArguments>();
  app.add_option("FILE", options->files, "Caches to show; - is standard input")->required();
  app.add_flag("--layers", options->sections.layers, "One line per layer, and what speaks for the format");
  app.add_flag("--tensors", options->sections.tensors,
               "One line per tensor: its place in the data section, bytes, dtype, key, shape");
  app.add_flag("--stats", options->sections.stats,
               "Read all values: range, mean, deviation, histogram, outliers of each layer");
  app.add_flag("--metadata", options->sections.metadata, "All metadata of the file, key by key");
  app.add_flag("--json", options->json, "Everything, as JSON; a list for several files");
  return [&context, options] { return run_inspect(context, *options); };
}

}  // namespace

const Command inspect_command = {"inspect",
                                 Group::looking,
                                 "Show what is in a cache: format, layers, tokens, size, who can load it",
                                 "  kvcache inspect chat.safetensors\n"
                                 "  kvcache inspect --layers chat.safetensors      one line per layer\n"
                                 "  kvcache inspect --stats chat.safetensors       what the values look like\n"
                                 "  kvcache inspect --json a.safetensors.gz | jq .totals",
                                 declare_inspect,
                                 "Only the header is read, so a file of any size takes milliseconds."};

}  // namespace kvcache::cli
