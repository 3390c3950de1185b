// kvcache report: a page to look at and to send around.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/files/read_inputs.h"
#include "cli/options/selection_options.h"
#include "cli/report_page/folder_page.h"
#include "cli/report_page/page.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "foreign/explain.h"
#include "kvcache/error.h"
#include "platform/file.h"
#include "platform/output_file.h"

namespace kvcache::cli {
namespace {

struct ReportArguments {
  std::vector<std::string> files;
  OutputOptions output;
};

CacheStats report_stats(const Context& context, const Document& document) {
  ProgressBar bar(context, "reading");
  StatsOptions how;
  how.columns = report_columns;
  how.progress = bar.callback();
  return statistics(document.cache, how);
}

// Values that are not finite were counted already; only a file that has some is read again, to say where.
Findings findings_of(const Document& document, const CacheStats& stats) {
  Findings findings = check(document);
  const auto broken = [](const ArrayStats& a) { return a.nan + a.infinite != 0; };
  const bool any = std::any_of(stats.layers.begin(), stats.layers.end(), [&](const LayerStats& layer) {
    return std::any_of(layer.arrays.begin(), layer.arrays.end(), broken);
  });
  if (!any) return findings;
  VerifyOptions how;
  how.data = true;
  how.threads = 0;
  for (Finding& finding : check_data(document, how)) findings.push_back(std::move(finding));
  return findings;
}

void write_page(Context& context, const OutputOptions& options, const std::string& page) {
  writing(context, options.path, [&] {
    const auto bytes = std::as_bytes(std::span(page));
    if (options.to_stdout()) return detail::File::borrowed(detail::standard_output, "standard output").write_all(bytes);
    if (detail::is_remote_name(options.path)) {
      const auto out = remote_sink(context, options.path, options.force);
      out->write_at(0, bytes);
      return out->commit();
    }
    const WriteOptions how = how_to_write(options, options.path);
    detail::OutputFile out(options.path,
                           {.overwrite = how.overwrite, .private_mode = how.private_mode, .keep_mode_of = how.keep_mode_of});
    out.write_at(0, bytes);
    out.commit();
  });
}

/// Of a server's folder or a file of its own: nothing for what is none.
std::vector<foreign::Place> places_of(const std::string& path) {
  if (path == "-" || detail::is_remote_name(path)) return {};
  if (std::optional<foreign::Place> place = foreign::place_of(path)) return {*place};
  std::error_code unknown;
  return std::filesystem::is_directory(path, unknown) ? foreign::places_below(path) : std::vector<foreign::Place>();
}

int report_on_places(Context& context, const std::string& file, const OutputOptions& output,
                     const std::vector<foreign::Place>& places) {
  std::vector<ReportedPlace> reported;
  std::uint64_t entries = 0;
  std::uint64_t dead = 0;
  std::int64_t tokens = 0;
  for (const foreign::Place& place : places) {
    ReportedPlace& one = reported.emplace_back();
    one.explained = foreign::explain(place, std::nullopt, {});
    foreign::verify_place(place, [&](const foreign::Report& report) { one.findings.add(report); });
    entries += one.explained.all.files;
    dead += one.explained.dead_bytes();
    for (const foreign::Signature& signature : one.explained.signatures) tokens += signature.tokens;
  }
  const std::string page = folder_page(file, reported);
  write_page(context, output, page);
  if (!context.quiet)
    say(fmt::format("report on {} of {}; wrote {} ({})", entries == 1 ? "1 entry" : fmt::format("{} entries", entries),
                    places.size() == 1 ? std::string(places[0].format->title) : count_of(places.size(), "folder"),
                    shown_output(output.path), human_bytes(static_cast<double>(page.size()))));
  give_json_summary(context, output,
                    {{"schema", "kvcache.report/1"},
                     {"path", file},
                     {"output", output.path},
                     {"tokens", tokens},
                     {"bytes", page.size()},
                     {"places", places.size()},
                     {"entries", entries},
                     {"dead_bytes", dead}});
  return 0;
}

/// chat.html for chat.safetensors.gz.
std::string as_page(std::string name) {
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();  // a folder
  for (const std::string_view suffix : {".gz", ".safetensors"})
    if (name.size() > suffix.size() && name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  return name + ".html";
}

/// Beside the file; in this folder for what lies elsewhere.
std::string page_beside(const std::string& file) {
  return as_page(detail::is_remote_name(file) ? detail::local_name(file) : file);
}

int report_on(Context& context, const std::string& file, const OutputOptions& output) {
  check_output(output, {file});
  context.subject = file;
  if (const std::vector<foreign::Place> places = places_of(file); !places.empty())
    return report_on_places(context, file, output, places);
  const Document document = read_named(context, file);
  const Overview overview = overview_of(document);
  const CacheStats stats = report_stats(context, document);
  const Findings findings = findings_of(document, stats);
  const std::string page = report_page({document, overview, findings, stats});
  write_page(context, output, page);
  if (!context.quiet)
    say(fmt::format("report on {}, {}; wrote {} ({})", count_of(overview.layers.size(), "layer"),
                    count_of(static_cast<std::uint64_t>(overview.tokens), "token"), shown_output(output.path),
                    human_bytes(static_cast<double>(page.size()))));
  give_json_summary(context, output,
                    {{"schema", "kvcache.report/1"},
                     {"path", document.file.path()},
                     {"output", output.path},
                     {"tokens", overview.tokens},
                     {"bytes", page.size()}});
  return 0;
}

int run_report(Context& context, const ReportArguments& options) {
  std::error_code unknown;
  const std::string& first = options.files.front();
  const bool one = options.files.size() == 1 && !options.output.recursive && !options.output.path.ends_with('/');
  if (one && std::filesystem::is_directory(first, unknown) && places_of(first).empty())
    throw Error(ErrorKind::io, fmt::format("{}: cannot be read: it is a directory, and no server's", first),
                fmt::format("kvcache report -r {} -o reports/", shell_word(first)));
  OutputOptions output = options.output;
  if (one) {
    if (output.path.empty() && !comes_once(first)) output.path = page_beside(first);
    return report_on(context, first, output);
  }
  return for_each_file(context, options.files, output, [&context](const std::string& file, OutputOptions page) {
    page.path = as_page(page.path);
    return report_on(context, file, page);
  });
}

Action declare_report(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReportArguments>();
  options->output.has_in_place = false;
  app.add_option("FILE", options->files,
                 "The cache, or the folder of a server; - is standard input. Several with -o and a folder")
      ->required();
  app.add_flag("-r,--recursive", options->output.recursive, "Take folders, too: a page of each cache below them, in -o DIR/");
  add_exclude(app, options->output.exclude);
  app.add_option("-o,--output", options->output.path, "Write the page to this file (default: FILE.html); - is standard output")
      ->type_name("OUT");
  app.add_flag("--force", options->output.force, "Replace OUT if it exists");
  app.add_flag("--json", options->output.json, "Print a summary as JSON to standard output");
  return [&context, options] { return run_report(context, *options); };
}

}  // namespace

const Command report_command = {"report", Group::making,
                                "Write a page about a cache: layers, bytes, a map of norms, histograms, findings",
                                "  kvcache report chat.safetensors                              makes chat.html\n"
                                "  kvcache report chat.safetensors.gz -o report.html --force    replaces the page\n"
                                "  kvcache report ~/.omlx/cache -o omlx.html    settings, dead bytes, findings\n"
                                "  kvcache report -r ~/prompt-caches -o reports/                a page of each\n"
                                "The page is one file without scripts that loads nothing: open it in any browser.",
                                declare_report};

}  // namespace kvcache::cli
