// kvcache filter: some sequences of a batch, in any order.
#include <fmt/format.h>

#include <memory>
#include <set>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/edit_file.h"
#include "cli/options/integer_list.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

struct FilterArguments {
  std::vector<std::string> files;
  std::vector<std::int64_t> keep;
  OutputOptions output;
};

int run_filter(Context& context, const FilterArguments& options) {
  const auto edit = [&](PromptCache& cache) {
    const auto before = static_cast<std::uint64_t>(batch_size(cache));
    filter_prompt_cache(cache, options.keep);
    const std::set<std::int64_t> kept(options.keep.begin(), options.keep.end());
    const bool repeated = kept.size() < options.keep.size();
    return Edit{fmt::format("kept {} of {}{}", kept.size(), count_of(before, "sequence"),
                            repeated ? fmt::format(", some more than once: {} now", options.keep.size()) : ""),
                {{"sequences", options.keep.size()}}};
  };
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return edit_file(context, {file}, output, edit);
  });
}

Action declare_filter(CLI::App& app, Context& context) {
  const auto options = std::make_shared<FilterArguments>();
  add_files(app, options->files, options->output, "The batch");
  add_integer_list(app, "--keep", options->keep, 0, max_dim,
                   "Sequences to keep, numbered from 0, in the order they shall have: 0,2-4")
      ->required()
      ->type_name("I,J,...");
  add_output_options(app, options->output);
  return [&context, options] { return run_filter(context, *options); };
}

}  // namespace

const Command filter_command = {"filter", Group::batching, "Keep some sequences of a batch",
                                "  kvcache filter batch.safetensors --keep 0,2 -o two.safetensors\n"
                                "  kvcache filter batch.safetensors --keep 2,1,0 --in-place        all three, in reverse",
                                declare_filter};

}  // namespace kvcache::cli
