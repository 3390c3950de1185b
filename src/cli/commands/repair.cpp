// kvcache repair: put right what has exactly one answer.
#include "kvcache/repair.h"
#include "cli/cli11.h"
#include "cli/files/open.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/output.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "documents/repair_json.h"
#include "edit/require_repaired.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

struct RepairArguments {
  std::vector<std::string> files;
  OutputOptions output;
};

std::string at(const Where& where) {
  return where.empty() ? "" : where.text() + ": ";
}

std::size_t warnings(const RepairPlan& plan) {
  return static_cast<std::size_t>(
      std::ranges::count_if(plan.left, [](const Finding& f) { return f.severity == Severity::warning; }));
}

/// What happens to a file without anything to repair: it stays, or is copied byte for byte.
int keep(Context& context, const OutputOptions& options, const Document& document, const Json& more) {
  Written written{document.file.path(), options.in_place ? document.file.path() : options.path, document.format,
                  token_count(document.cache), document.file.disk_bytes()};
  const bool as_it_is = options.in_place && (!options.gzip || document.file.gzip());
  if (!as_it_is) {
    write_by(context, options, document, written,
             [&](const WriteOptions& how) { return copy_named(context, written.path, document.file, how); });
    print_summary(context, options, written, "nothing to repair", more);
    return 0;
  }
  if (!context.quiet) say(fmt::format("nothing to repair; {} stays as it is", shown_path(written.path)));
  print_json_summary(context, options, written, more);
  return 0;
}

int repair_file(Context& context, const std::string& file, const OutputOptions& options) {
  check_output(options, {file});
  context.subject = file;
  Document document = read_named(context, file);
  const RepairPlan plan = repair(document);
  detail::require_repaired(plan);
  const Json more = {{"repairs", documents::repairs_json(plan.repairs)}, {"warnings_left", warnings(plan)}};
  if (plan.repairs.empty()) return keep(context, options, document, more);

  Encoded encoded = encode_repaired(document, plan);
  const Dialect* const format = plan.layers_changed ? &dialect(era_to_keep(document)) : document.format;
  if (!context.quiet)
    for (const Repair& repair : plan.repairs) say(fmt::format("{}{} ({})", at(repair.where), repair.message, repair.code));
  const Written written = write_encoded(context, document.cache, format, std::move(encoded), options, document);
  print_summary(context, options, written, fmt::format("repaired {}", count_of(plan.repairs.size(), "fault")), more);
  return 0;
}

int run_repair(Context& context, const RepairArguments& options) {
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return repair_file(context, file, output);
  });
}

Action declare_repair(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RepairArguments>();
  add_files(app, options->files, options->output, "The cache to repair");
  add_output_options(app, options->output);
  return [&context, options] { return run_repair(context, *options); };
}

}  // namespace

const Command repair_command = {
    "repair",
    Group::editing,
    "Put right what is damaged and has exactly one answer",
    "  kvcache repair chat.safetensors -o repaired.safetensors\n"
    "  kvcache repair chat.safetensors --in-place\n"
    "  kvcache verify --fix chat.safetensors                      what it would do",
    declare_repair,
    "An answer comes from the file itself: from the arrays, from the other layers, from the stamp. Each repair is said. Where "
    "several answers are possible, or none, nothing is written, the exit status is 4, and the answers are listed. A sound file "
    "comes out unchanged, byte for byte.\n\n"
    "It repairs offsets and fields of layers, bits and group sizes that contradict the arrays, chunked layers that loaders "
    "misread, layers in the form of another runtime, keys outside the sections, holes and trailing bytes. docs/findings.md "
    "says "
    "it of each code. Tensor data are never changed."};

}  // namespace kvcache::cli
