// kvcache extend: batches become one longer batch.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/output.h"
#include "cli/files/read_inputs.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

struct ExtendArguments {
  std::vector<std::string> files;
  OutputOptions output;
};

int run_extend(Context& context, const ExtendArguments& options) {
  if (options.files.size() < 2)
    throw Error(ErrorKind::usage, "one batch alone has nothing to be extended by", "name two or more");
  check_output(options.output, options.files);
  std::vector<Document> documents = read_inputs(context, options.files);
  const Era era = era_of_all(documents);
  PromptCache& batch = documents.front().cache;
  context.subject = options.files.front();
  for (std::size_t i = 1; i < documents.size(); ++i) extend_prompt_cache(batch, documents[i].cache, options.files[i]);
  const std::int64_t sequences = batch_size(batch);
  warn_of_lost_metadata(context, documents);
  const Written written = write_output(context, batch, era, options.output, documents.front());
  print_summary(
      context, options.output, written,
      fmt::format("joined {} batches: {} now", documents.size(), count_of(static_cast<std::uint64_t>(sequences), "sequence")),
      {{"inputs", options.files}, {"sequences", sequences}});
  return 0;
}

Action declare_extend(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ExtendArguments>();
  app.add_option("BATCH", options->files, "Two or more batches of one model; - is standard input")->required();
  add_output_options(app, options->output, false);
  return [&context, options] { return run_extend(context, *options); };
}

}  // namespace

const Command extend_command = {
    "extend",
    Group::batching,
    "Join batches into one",
    "  kvcache extend morning.safetensors evening.safetensors -o day.safetensors\n"
    "  kvcache extend a.safetensors b.safetensors c.safetensors --gzip -o abc.safetensors.gz",
    declare_extend,
    "The batches have to agree in classes, heads, head dims, dtypes and windows; the first mismatch is named, and "
    "then nothing is written."};

}  // namespace kvcache::cli
