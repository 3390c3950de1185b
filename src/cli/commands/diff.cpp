// kvcache diff: what differs between two caches.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/open.h"
#include "cli/files/read_inputs.h"
#include "cli/files/remote_use.h"
#include "cli/options/numbers.h"
#include "cli/render/diff_output.h"
#include "cli/terminal/progress_bar.h"
#include "kvcache/compare.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct DiffArguments {
  std::string a, b;
  std::string tolerance;
  bool json = false;
};

double parse_tolerance(const std::string& text) {
  // Not std::from_chars, which libc++ (macOS) lacked for double until version 20; strtod would also take blanks, hex and "inf".
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool plain = text.find_first_not_of("0123456789.eE+-") == std::string::npos;
  if (!plain || end != text.c_str() + text.size() || !(value >= 0) || !std::isfinite(value))
    throw Error(ErrorKind::usage, fmt::format("--tolerance '{}' is no number of at least 0", printable(text)),
                "for example 1e-3");
  return value;
}

int run_diff(Context& context, const DiffArguments& options) {
  CompareOptions how;
  if (!options.tolerance.empty()) how.tolerance = parse_tolerance(options.tolerance);
  check_inputs({options.a, options.b});
  context.subject = options.a;
  const Document a = read_intact_named(context, options.a);
  context.subject = options.b;
  const Document b = read_intact_named(context, options.b);
  context.subject.clear();
  Comparison comparison;
  {
    ProgressBar bar(context, "comparing");
    how.progress = bar.callback();
    comparison = compare(a.cache, b.cache, how);
  }
  if (options.json)
    print_json(with_usage(context, diff_json(a, b, comparison)));
  else if (!context.quiet)
    print(diff_text(context, a, b, comparison));
  return comparison.equal() ? 0 : 1;
}

Action declare_diff(CLI::App& app, Context& context) {
  const auto options = std::make_shared<DiffArguments>();
  app.add_option("A", options->a, "A cache; - is standard input")->required();
  app.add_option("B", options->b, "Another one, of any format")->required();
  app.add_option("--tolerance", options->tolerance, "Values this close are equal, and dtype and quantization no difference")
      ->type_name("X")
      ->check(not_empty());
  app.add_flag("--json", options->json, "Everything, as JSON");
  return [&context, options] { return run_diff(context, *options); };
}

}  // namespace

const Command diff_command = {
    "diff",
    Group::looking,
    "Compare two caches: first what they mean, then their values",
    "  kvcache diff before.safetensors after.safetensors\n"
    "  kvcache diff chat.safetensors chat-q4.safetensors --tolerance 0.1      what quantizing cost",
    declare_diff,
    "Formats do not matter: windows are compared in the order of their tokens, quantized layers by their decoded "
    "values, batches without their padding. The exit status is 0 when nothing differs and 1 when something does; with -q "
    "it is all the answer."};

}  // namespace kvcache::cli
