// kvcache align: right-padded sequences of a batch become left-padded ones.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <limits>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/edit_file.h"
#include "cli/options/integer_list.h"

namespace kvcache::cli {
namespace {

struct AlignArguments {
  std::vector<std::string> files;
  std::vector<std::int64_t> right_padding;
  OutputOptions output;
};

int run_align(Context& context, const AlignArguments& options) {
  const auto edit = [&](PromptCache& cache) {
    align_prompt_cache(cache, Int32s(options.right_padding.begin(), options.right_padding.end()));
    return Edit{fmt::format("moved right padding of {} rows to the left", fmt::join(options.right_padding, ", ")),
                {{"right_padding", options.right_padding}}};
  };
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return edit_file(context, {file}, output, edit);
  });
}

Action declare_align(CLI::App& app, Context& context) {
  const auto options = std::make_shared<AlignArguments>();
  add_files(app, options->files, options->output, "The batch");
  add_integer_list(app, "--right-padding", options->right_padding, 0, std::numeric_limits<std::int32_t>::max(),
                   "How many of its last rows are padding, for each sequence")
      ->required()
      ->type_name("P,Q,...");
  add_output_options(app, options->output);
  return [&context, options] { return run_align(context, *options); };
}

}  // namespace

const Command align_command = {
    "align",
    Group::batching,
    "Turn right padding of a batch into left padding",
    "  kvcache align batch.safetensors --right-padding 0,1,3 -o aligned.safetensors\n"
    "  kvcache align batch.safetensors --right-padding 0,0,12 --in-place\n"
    "What mlx-lm's prepare() and finalize() do after a batch of prompts of different lengths was appended.",
    declare_align,
    "For a batch whose prompts were processed with padding on the right: each sequence's rows of padding are moved "
    "to the left, where a batch has them."};

}  // namespace kvcache::cli
