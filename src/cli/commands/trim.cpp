// kvcache trim: drop the last tokens.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/edit_file.h"
#include "cli/options/numbers.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

/// Of a batch, in a list at any depth.
std::optional<std::vector<std::int64_t>> offsets_of(const Facts& facts) {
  if (facts.offsets) return facts.offsets;
  for (const Facts& child : facts.children)
    if (auto offsets = offsets_of(child)) return offsets;
  return std::nullopt;
}

struct TrimArguments {
  std::vector<std::string> files;
  std::optional<std::int64_t> n;
  std::optional<std::int64_t> to;
  OutputOptions output;
};

/// "5, 7, 7" of the sequences of a batch, "0 to 200" of many; empty for a cache of one sequence.
std::string sequence_lengths(const PromptCache& cache) {
  constexpr std::size_t most = 8;
  for (const auto& layer : cache.layers) {
    const auto offsets = offsets_of(layer->facts());
    if (!offsets || offsets->empty()) continue;
    if (offsets->size() <= most) return fmt::format("{}", fmt::join(*offsets, ", "));
    const auto [least, largest] = std::minmax_element(offsets->begin(), offsets->end());
    return fmt::format("{} to {}", *least, *largest);
  }
  return {};
}

int run_trim(Context& context, const TrimArguments& options) {
  if (options.n.has_value() == options.to.has_value())
    throw Error(ErrorKind::usage, options.n ? "-n and --to exclude each other" : "how much is not given",
                "-n N removes the last N tokens, --to LEN keeps the first LEN");
  const auto edit = [&](PromptCache& cache) {
    const std::int64_t before = token_count(cache);
    const std::int64_t trimmed = options.n ? trim_prompt_cache(cache, *options.n) : trim_prompt_cache_to(cache, *options.to);
    const std::string lengths = sequence_lengths(cache);
    if (options.n && before > 0 && *options.n > before)
      warn(context, fmt::format("-n {} is more than the {} there: nothing is left", *options.n,
                                count_of(static_cast<std::uint64_t>(before), "token")));
    const std::string_view up_to = options.n || lengths.empty() ? "" : "up to ";
    return Edit{fmt::format("trimmed {}{} of {} tokens{}: {} left", up_to, trimmed, before,
                            lengths.empty() ? "" : " from each sequence",
                            lengths.empty() ? fmt::to_string(token_count(cache)) : lengths),
                {{"trimmed", trimmed}}};
  };
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return edit_file(context, {file}, output, edit);
  });
}

Action declare_trim(CLI::App& app, Context& context) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const auto options = std::make_shared<TrimArguments>();
  add_files(app, options->files, options->output, "The cache to trim");
  add_integer(app, "-n,--last", options->n, 0, most, "Remove the last N tokens, in a batch of each sequence");
  add_integer(app, "--to", options->to, 0, most, "Remove what is beyond the first LEN tokens of each layer and sequence")
      ->type_name("LEN");
  add_output_options(app, options->output);
  return [&context, options] { return run_trim(context, *options); };
}

}  // namespace

const Command trim_command = {
    "trim",
    Group::editing,
    "Remove the last tokens from every layer, or from none",
    "  kvcache trim chat.safetensors -n 7 -o shorter.safetensors\n"
    "  kvcache trim chat.safetensors --to 1024 --in-place         keep the first 1024",
    declare_trim,
    "The rows of the tokens go; nothing else changes. Of fewer tokens than N all go, as in mlx-lm, with a warning; a batch in "
    "which a sequence has fewer "
    "is refused, and --to leaves short sequences as they are.\n\n"
    "A wrapped window and recurrent state cannot give tokens back, and a chunked layer that has dropped its front only "
    "those that leave a whole chunk: then no layer is trimmed, and the exit status is 4."};

}  // namespace kvcache::cli
