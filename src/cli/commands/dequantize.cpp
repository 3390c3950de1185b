// kvcache dequantize: QuantizedKVCache layers become plain ones.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/edit_file.h"
#include "cli/options/dtype_option.h"
#include "cli/terminal/words.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"

namespace kvcache::cli {
namespace {

struct DequantizeArguments {
  std::vector<std::string> files;
  std::optional<Dtype> dtype;
  OutputOptions output;
};

int run_dequantize(Context& context, const DequantizeArguments& options) {
  const auto edit = [&](PromptCache& cache) {
    const std::size_t changed = dequantize_prompt_cache(cache, options.dtype);
    return Edit{fmt::format("dequantized {}", count_of(changed, "layer")), {{"layers_dequantized", changed}}};
  };
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return edit_file(context, {file}, output, edit);
  });
}

Action declare_dequantize(CLI::App& app, Context& context) {
  const auto options = std::make_shared<DequantizeArguments>();
  add_files(app, options->files, options->output, "The cache to dequantize");
  add_dtype(app, options->dtype, "Of the result; by default what the layers had before they were quantized");
  add_output_options(app, options->output);
  return [&context, options] { return run_dequantize(context, *options); };
}

}  // namespace

const Command dequantize_command = {"dequantize",
                                    Group::editing,
                                    "Turn quantized layers back into plain ones",
                                    "  kvcache dequantize chat-q8.safetensors -o chat.safetensors\n"
                                    "  kvcache dequantize chat-q4.safetensors --dtype f32 -o analysis.safetensors",
                                    declare_dequantize,
                                    "The values are those that attention sees. What quantizing lost does not come back."};

}  // namespace kvcache::cli
