// kvcache merge: caches of single sequences become one batch.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/files/output.h"
#include "cli/files/read_inputs.h"
#include "cli/options/layer_spec.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/caches.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  OutputOptions output;
};

bool pins_tokens(const Cache& leaf) {
  const auto* window = dynamic_cast<const RotatingKVCache*>(&leaf);
  return window != nullptr && window->state().keep > 0;
}

// A BatchRotatingKVCache has no keep: the pinned tokens are evicted like all others from now on.
void warn_of_lost_pins(const Context& context, const PromptCache& cache) {
  const std::vector<std::size_t> pinned = layers_holding(cache, pins_tokens);
  if (pinned.empty()) return;
  warn(context, fmt::format("a batch of windows cannot pin tokens: keep of {} is dropped", layers_text(pinned)));
}

int run(Context& context, const Options& options) {
  check_output(options.output, options.files);
  std::vector<Document> documents = read_inputs(context, options.files);
  const Era era = era_of_all(documents);
  std::vector<const PromptCache*> caches;
  caches.reserve(documents.size());
  for (const Document& document : documents) caches.push_back(&document.cache);
  const PromptCache batch = merge_prompt_caches(caches, options.files);
  warn_of_lost_pins(context, documents.front().cache);
  warn_of_lost_metadata(context, documents);
  const Written written = write_output(context, batch, era, options.output, documents.front());
  print_summary(
      context, options.output, written,
      fmt::format("merged {} into a batch, the longest of {} tokens", count_of(caches.size(), "cache"), written.tokens),
      {{"inputs", options.files}, {"sequences", caches.size()}});
  return 0;
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("FILE", options->files, "Caches of one sequence each, of one model; - is standard input")->required();
  add_output_options(app, options->output, false);
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command merge_command = {
    "merge",
    Group::batching,
    "Put caches of single sequences side by side into one batch",
    "  kvcache merge a.safetensors b.safetensors c.safetensors -o batch.safetensors\n"
    "  kvcache merge users/*.safetensors --force -o batch.safetensors\n"
    "Shorter sequences are padded on the left. User metadata is that of the first file.",
    declare,
    "Shorter sequences get rows of padding on the left. The caches have to agree in classes, heads, head dims, "
    "dtypes and windows; the first mismatch is named, and then nothing is written. User metadata is that of the "
    "first file."};

}  // namespace kvcache::cli
