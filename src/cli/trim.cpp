// kvcache trim: drop the last tokens.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "cli/commands.h"
#include "cli/each_file.h"
#include "cli/edit_file.h"
#include "cli/numbers.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::optional<std::int64_t> n;
  std::optional<std::int64_t> to;
  OutputOptions output;
};

int run(Context& context, const Options& options) {
  if (options.n.has_value() == options.to.has_value())
    throw Error(ErrorKind::usage, options.n ? "-n and --to exclude each other" : "how much is not given",
                "-n N removes the last N tokens, --to LEN keeps the first LEN");
  const auto edit = [&](PromptCache& cache) {
    const std::int64_t before = token_count(cache);
    const std::int64_t trimmed = options.n ? trim_prompt_cache(cache, *options.n) : trim_prompt_cache_to(cache, *options.to);
    return Edit{fmt::format("trimmed {} of {} tokens: {} left", trimmed, before, token_count(cache)), {{"trimmed", trimmed}}};
  };
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return edit_file(context, {file}, output, edit);
  });
}

Action declare(CLI::App& app, Context& context) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const auto options = std::make_shared<Options>();
  add_files(app, options->files, "The cache to trim");
  add_integer(app, "-n", options->n, 0, most, "Remove the last N tokens; all, when there are fewer");
  add_integer(app, "--to", options->to, 0, most, "Remove what is beyond the first LEN tokens of each layer")->type_name("LEN");
  add_output_options(app, options->output);
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command trim_command = {
    "trim",
    Group::editing,
    "Remove the last tokens from every layer, or from none",
    "  kvcache trim chat.safetensors -n 7 -o shorter.safetensors\n"
    "  kvcache trim chat.safetensors --to 1024 --in-place         keep the first 1024",
    declare,
    "The rows of the tokens go; nothing else changes. A wrapped window and recurrent state cannot give tokens back: "
    "then no layer is trimmed, and the exit status is 4."};

}  // namespace kvcache::cli
