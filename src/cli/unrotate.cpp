// kvcache unrotate: windows in temporal order.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/text.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::string file;
  OutputOptions output;
};

int run(Context& context, const Options& options) {
  check_output(options.output, {options.file});
  context.subject = options.file;
  Document document = read_sound_document(options.file);
  const Era era = era_to_keep(document);
  const std::size_t reordered = unrotate_prompt_cache(document.cache);
  const Written written = write_output(context, document.cache, era, options.output, document);
  print_summary(context, options.output, written,
                reordered == 0 ? "every window was in order already"
                               : fmt::format("put {} into temporal order", count_of(reordered, "window")),
                {{"reordered", reordered}});
  return 0;
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "The cache; - is standard input")->required();
  add_output_options(app, options->output);
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command unrotate_command = {
    "unrotate", Group::editing, "Rewrite wrapped windows in temporal order",
    "  kvcache unrotate chat.safetensors -o ordered.safetensors\n"
    "  kvcache unrotate chat.safetensors --in-place\n"
    "The result means the same to every runtime; it is what diff and other tools can read row by row.",
    declare};

}  // namespace kvcache::cli
