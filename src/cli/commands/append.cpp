// kvcache append: new tokens behind those that a cache holds, as the model's update_and_fetch puts them there.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/edit_file.h"
#include "cli/files/open.h"
#include "cli/files/read_inputs.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

struct AppendArguments {
  std::string file;
  std::string update;
  OutputOptions output;
};

std::map<std::string, Tensor> read_update(Context& context, const std::string& path) {
  const std::string file = std::exchange(context.subject, path);
  const SafetensorsFile update = open_named(context, path);
  std::map<std::string, Tensor> arrays;
  for (const TensorEntry& entry : update.header().tensors) arrays.emplace(entry.key, update.tensor(entry));
  context.subject = file;
  return arrays;
}

int run_append(Context& context, const AppendArguments& options) {
  check_inputs({options.file, options.update});
  return edit_file(context, {options.file, options.update}, options.output, [&](PromptCache& cache) {
    const std::int64_t before = token_count(cache);
    append_prompt_cache(cache, read_update(context, options.update));
    const std::int64_t after = token_count(cache);
    return Edit{fmt::format("appended {}: {} now", count_of(static_cast<std::uint64_t>(after - before), "token"), after),
                {{"appended", after - before}}};
  });
}

Action declare_append(CLI::App& app, Context& context) {
  const auto options = std::make_shared<AppendArguments>();
  app.add_option("FILE", options->file, "The cache to append to; - is standard input")->required();
  app.add_option("--update", options->update,
                 "Safetensors file with LAYER.keys and LAYER.values of every layer ([B, H, N, D]); in a CacheList "
                 "LAYER.CHILD.keys and LAYER.CHILD.values")
      ->required()
      ->type_name("U");
  add_output_options(app, options->output);
  return [&context, options] { return run_append(context, *options); };
}

}  // namespace

const Command append_command = {
    "append",
    Group::editing,
    "Append new keys and values, to every layer or to none",
    "  kvcache append chat.safetensors --update step.safetensors -o longer.safetensors\n"
    "  kvcache append chat.safetensors --update step.safetensors --in-place\n"
    "step.safetensors holds 0.keys, 0.values, 1.keys, ...; windows drop their oldest tokens, quantized layers quantize.",
    declare_append,
    "The update is a safetensors file with arrays LAYER.keys and LAYER.values of shape [B, H, N, D] for N new "
    "tokens (LAYER.CHILD.keys within a CacheList). A cache with recurrent state is refused: only the model can move that "
    "along, and beside newer "
    "keys and values it would be of an older moment."};

}  // namespace kvcache::cli
