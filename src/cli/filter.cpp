// kvcache filter: some sequences of a batch, in any order.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/integer_list.h"
#include "cli/output.h"
#include "cli/text.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::int64_t> keep;
  OutputOptions output;
};

int run(Context& context, const Options& options) {
  check_output(options.output, {options.file});
  context.subject = options.file;
  Document document = read_sound_document(options.file);
  const Era era = era_to_keep(document);
  const std::int64_t before = batch_size(document.cache);
  filter_prompt_cache(document.cache, options.keep);
  const Written written = write_output(context, document.cache, era, options.output, document);
  print_summary(context, options.output, written,
                fmt::format("kept {} of {}", options.keep.size(), count_of(static_cast<std::uint64_t>(before), "sequence")),
                {{"sequences", options.keep.size()}});
  return 0;
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "The batch; - is standard input")->required();
  add_integer_list(app, "--keep", options->keep, 0, max_dim, "Sequences to keep, numbered from 0, in the order they shall have")
      ->required()
      ->type_name("I,J,...");
  add_output_options(app, options->output);
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command filter_command = {"filter", Group::batching, "Keep some sequences of a batch",
                                "  kvcache filter batch.safetensors --keep 0,2 -o two.safetensors\n"
                                "  kvcache filter batch.safetensors --keep 2,1,0 --in-place        all three, in reverse",
                                declare};

}  // namespace kvcache::cli
