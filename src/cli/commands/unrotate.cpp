// kvcache unrotate: windows in temporal order.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/edit_file.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

struct UnrotateArguments {
  std::vector<std::string> files;
  OutputOptions output;
};

int run_unrotate(Context& context, const UnrotateArguments& options) {
  const auto edit = [](PromptCache& cache) {
    const std::size_t reordered = unrotate_prompt_cache(cache);
    return Edit{reordered == 0 ? "every window was in order already"
                               : fmt::format("put {} into temporal order", count_of(reordered, "window")),
                {{"reordered", reordered}}};
  };
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return edit_file(context, {file}, output, edit);
  });
}

Action declare_unrotate(CLI::App& app, Context& context) {
  const auto options = std::make_shared<UnrotateArguments>();
  add_files(app, options->files, options->output, "The cache");
  add_output_options(app, options->output);
  return [&context, options] { return run_unrotate(context, *options); };
}

}  // namespace

const Command unrotate_command = {
    "unrotate",
    Group::editing,
    "Rewrite wrapped windows in temporal order",
    "  kvcache unrotate chat.safetensors -o ordered.safetensors\n"
    "  kvcache unrotate chat.safetensors --in-place\n"
    "The result means the same to every runtime; it is what diff and other tools can read row by row.",
    declare_unrotate,
    "A window is kept as a ring, in which a new token takes the place of the oldest one. Afterwards the oldest "
    "comes first."};

}  // namespace kvcache::cli
