// kvcache merge: caches of single sequences become one batch.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/output.h"
#include "cli/files/read_inputs.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "edit/batches.h"

namespace kvcache::cli {
namespace {

struct MergeArguments {
  std::vector<std::string> files;
  OutputOptions output;
};

int run_merge(Context& context, const MergeArguments& options) {
  check_output(options.output, options.files);
  std::vector<Document> documents = read_inputs(context, options.files);
  const Era era = era_of_all(documents);
  std::vector<const PromptCache*> caches;
  caches.reserve(documents.size());
  for (const Document& document : documents) caches.push_back(&document.cache);
  const PromptCache batch = merge_prompt_caches(caches, options.files);
  for (const std::string& sentence : detail::lost_pins(documents.front().cache)) warn(context, sentence);
  warn_of_lost_metadata(context, documents);
  const Written written = write_output(context, batch, era, options.output, documents.front());
  print_summary(
      context, options.output, written,
      fmt::format("merged {} into a batch, the longest of {} tokens", count_of(caches.size(), "cache"), written.tokens),
      {{"inputs", options.files}, {"sequences", caches.size()}});
  return 0;
}

Action declare_merge(CLI::App& app, Context& context) {
  const auto options = std::make_shared<MergeArguments>();
  app.add_option("FILE", options->files, "Caches of one sequence each, of one model; - is standard input")->required();
  add_output_options(app, options->output, false);
  return [&context, options] { return run_merge(context, *options); };
}

}  // namespace

const Command merge_command = {
    "merge",
    Group::batching,
    "Put caches of single sequences side by side into one batch",
    "  kvcache merge a.safetensors b.safetensors c.safetensors -o batch.safetensors\n"
    "  kvcache merge users/*.safetensors --force -o batch.safetensors\n"
    "Shorter sequences are padded on the left. User metadata is that of the first file.",
    declare_merge,
    "The caches have to agree in classes, heads, head dims, dtypes and windows; the first mismatch is named, and then "
    "nothing is written."};

}  // namespace kvcache::cli
