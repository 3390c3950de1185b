// kvcache extract: sequences of a batch, each as a cache of its own.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/extract_all.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/options/numbers.h"
#include "cli/terminal/words.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct ExtractArguments {
  std::string file;
  std::optional<std::int64_t> index;
  bool all = false;
  OutputOptions output;
};

int extract_one(Context& context, const ExtractArguments& options) {
  check_output(options.output, {options.file});
  context.subject = options.file;
  const Document document = read_sound_named(context, options.file);
  const Era era = era_to_keep(document);
  const PromptCache sequence = extract_prompt_cache(document.cache, *options.index);
  const Written written = write_output(context, sequence, era, options.output, document);
  print_summary(context, options.output, written,
                fmt::format("extracted sequence {} of {}: {}", *options.index, batch_size(document.cache),
                            count_of(static_cast<std::uint64_t>(written.tokens), "token")),
                {{"index", *options.index}});
  return 0;
}

int run_extract(Context& context, const ExtractArguments& options) {
  if (options.index.has_value() == options.all)
    throw Error(ErrorKind::usage, options.all ? "--index and --all exclude each other" : "which sequence is not given",
                "--index I extracts one, --all each into a file of its own");
  return options.all ? extract_all(context, options.file, options.output) : extract_one(context, options);
}

Action declare_extract(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ExtractArguments>();
  app.add_option("FILE", options->file, "The batch; - is standard input")->required();
  add_integer(app, "-i,--index", options->index, 0, max_dim, "Extract this sequence, numbered from 0")->type_name("I");
  app.add_flag("--all", options->all, "Extract every sequence: -o names a folder, of files NAME-0.safetensors, NAME-1...");
  add_output_options(app, options->output, false);
  return [&context, options] { return run_extract(context, *options); };
}

}  // namespace

const Command extract_command = {"extract",
                                 Group::batching,
                                 "Take sequences out of a batch",
                                 "  kvcache extract batch.safetensors --index 0 -o first.safetensors\n"
                                 "  kvcache extract batch.safetensors --all -o sequences        a folder, one file for each",
                                 declare_extract,
                                 "A sequence comes out without the rows of padding that the batch needed."};

}  // namespace kvcache::cli
