// kvcache formats: eras, their releases, and who reads whose files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/render/json.h"
#include "cli/render/table.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "kvcache/release.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct FormatsArguments {
  bool json = false;
};

std::vector<const Release*> releases_of(Era era) {
  std::vector<const Release*> out;
  for (const Release& r : releases())
    if (r.era == era) out.push_back(&r);
  return out;
}

std::string with_date(const Release& release) {
  return to_string(release.version) + (release.date.empty() ? "" : fmt::format(" ({})", release.date));
}

/// "0.28.1 (2025-09-26) to 0.30.7 (2026-02-12)"
std::string span_of(Era era) {
  const auto all = releases_of(era);
  if (all.empty()) return "in no release";
  return with_date(*all.front()) + (all.size() == 1 ? "" : fmt::format(" to {}", with_date(*all.back())));
}

/// Classes of a writer's files by loader, in the order of who_reads_whom().
struct Files {
  std::vector<std::string> classes;
  std::map<Era, std::vector<std::string>> by_loader;
};

std::map<Era, Files> files_by_writer() {
  std::map<Era, Files> out;
  for (const Reading& reading : who_reads_whom()) {
    Files& files = out[reading.writer];
    files.classes.push_back(reading.class_name);
    for (const Dialect& loader : dialects())
      if (reading.loaders.has(loader.era)) files.by_loader[loader.era].push_back(reading.class_name);
  }
  return out;
}

Json json_of_formats() {
  const std::map<Era, Files> written = files_by_writer();
  Json list = Json::array();
  for (const Dialect& d : dialects()) {
    Json all = Json::array();
    for (const Release* r : releases_of(d.era))
      all.push_back({{"version", to_string(r->version)}, {"date", r->date.empty() ? Json(nullptr) : Json(r->date)}});
    Json read_by = Json::object();
    if (const auto files = written.find(d.era); files != written.end())
      for (const Dialect& loader : dialects())
        if (const auto classes = files->second.by_loader.find(loader.era); classes != files->second.by_loader.end())
          read_by[std::string(loader.id)] = classes->second;
    list.push_back({{"id", d.id},
                    {"alias", d.alias.empty() ? Json(nullptr) : Json(d.alias)},
                    {"letter", d.letter},
                    {"runtime", d.id.substr(0, d.id.find('@'))},
                    {"writable", d.writable},
                    {"released", d.released},
                    {"releases", std::move(all)},
                    {"read_by", std::move(read_by)}});
  }
  Json names = Json::object();
  for (const std::string_view family : {"mlx-lm", "mlx-swift-lm", "mlxrs"})
    names[std::string(family)] = find_target(family).id();
  return {{"schema", "kvcache.formats/1"}, {"formats", std::move(list)}, {"runtimes", std::move(names)}};
}

std::string eras(const Style& style) {
  Table table({{"Format"}, {""}, {""}, {"Releases"}});
  for (const Dialect& d : dialects())
    table.add({std::string(d.id), std::string(d.letter), d.writable ? "read, written" : "read", span_of(d.era)});
  return table.text(style);
}

std::string readers(const Style& style) {
  std::vector<Table::Column> columns = {{"Written by"}};
  std::vector<const Dialect*> loaders;
  for (const Dialect& d : dialects()) {
    if (!d.writable) continue;
    loaders.push_back(&d);
    columns.push_back({std::string(d.letter)});
  }
  Table table(std::move(columns));
  for (const auto& [writer, files] : files_by_writer()) {
    std::vector<std::string> cells = {fmt::format("{} {}", dialect(writer).letter, dialect(writer).id)};
    for (const Dialect* loader : loaders) {
      const auto classes = files.by_loader.find(loader->era);
      const std::size_t read = classes == files.by_loader.end() ? 0 : classes->second.size();
      cells.emplace_back(read == 0 ? "-" : read == files.classes.size() ? "all" : "some");
    }
    table.add(std::move(cells));
  }
  return table.text(style);
}

int run_formats(const Context& context, const FormatsArguments& options) {
  if (options.json) {
    print_json(json_of_formats());
    return 0;
  }
  const Style style(context, stdout);
  std::string out = eras(style);
  std::string names;
  for (const std::string_view family : {"mlx-lm", "mlx-swift-lm", "mlxrs"})
    names += fmt::format("{}{} alone means {}", names.empty() ? "" : ", ", family, find_target(family).id());
  out += '\n' + paragraph(names + '.') + '\n';
  out += paragraph(style.bold("Who restores whose files, of all classes or of some")) + readers(style);
  print(out);
  return 0;
}

Action declare_formats(CLI::App& app, Context& context) {
  const auto options = std::make_shared<FormatsArguments>();
  app.add_flag("--json", options->json, "Print a JSON document: dates of releases, and classes that are read");
  return [&context, options] { return run_formats(context, *options); };
}

}  // namespace

const Command formats_command = {
    "formats",
    Group::checking,
    "List formats, the releases that write them, and who reads whose files",
    "  kvcache formats\n"
    "  kvcache formats --json > formats.json    dates of releases, classes that are read\n",
    declare_formats,
    "A format is an era: a span of releases of a runtime that write the same files. Wherever an id is asked for, a release "
    "(mlx-lm@0.30.7) or a series (mlx-lm@0.29) will do: it means the era, and what that release alone has or lacks. A number "
    "alone is enough where only one runtime has had it.\n\n"
    "A date is that of the tagged commit; what is not known is left out. Whether one file loads where is what "
    ".Nm\n.Cm verify\n says."};

}  // namespace kvcache::cli
