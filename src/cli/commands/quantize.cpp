// kvcache quantize: plain layers become QuantizedKVCache.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/options/layer_spec.h"
#include "cli/options/numbers.h"
#include "cli/render/quantize_report.h"
#include "cli/terminal/words.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct QuantizeArguments {
  std::vector<std::string> files;
  std::optional<std::int64_t> bits, key_bits, value_bits, group_size;
  std::string layers;
  bool report = false;
  bool requantize = false;
  OutputOptions output;
};

/// One number of bits, because that is what a QuantizedKVCache can say in every format.
int chosen_bits(const QuantizeArguments& options) {
  const auto keys = options.key_bits ? options.key_bits : options.bits;
  const auto values = options.value_bits ? options.value_bits : options.bits;
  if (!keys || !values) throw Error(ErrorKind::usage, "how many bits is not given", "--bits 2, 3, 4, 5, 6 or 8");
  for (const std::int64_t bits : {*keys, *values})
    if (!is_supported_bits(bits))
      throw Error(ErrorKind::usage, fmt::format("{} bits are not supported", bits), "2, 3, 4, 5, 6 or 8");
  if (*keys != *values)
    throw Error(
        ErrorKind::impossible,
        fmt::format(
            "{} bits for keys and {} for values: a QuantizedKVCache stores one number of bits for both, in every format", *keys,
            *values),
        "choose one --bits; --layers can keep the layers that suffer most as they are");
  return static_cast<int>(*keys);
}

QuantizeRequest request_of(const QuantizeArguments& options) {
  QuantizeRequest request;
  request.bits = chosen_bits(options);
  request.group_size = static_cast<int>(options.group_size.value_or(64));
  if (!is_supported_group_size(request.group_size))
    throw Error(ErrorKind::usage, fmt::format("group size {} is not supported", request.group_size), "32, 64 or 128");
  request.requantize = options.requantize;
  request.report = options.report;
  request.layers = options.layers;
  if (options.report && options.output.to_stdout())
    throw Error(ErrorKind::usage, "-o - and --report exclude each other", "both go to standard output: name a file with -o");
  return request;
}

int quantize_one(Context& context, const QuantizeArguments& options, QuantizeRequest request, const std::string& file,
                 const OutputOptions& output) {
  check_output(output, {file});
  context.subject = file;
  Document document = read_sound_named(context, file);
  const Era era = era_to_keep(document);
  if (!options.layers.empty()) {
    const auto wanted = parse_layers(options.layers, document.cache.layers.size());
    request.wanted = [wanted](std::size_t layer) { return wanted[layer]; };
  }
  const std::vector<QuantizedLayer> layers = quantize_prompt_cache(document.cache, request);
  const Written written = write_output(context, document.cache, era, output, document);

  std::size_t changed = 0;
  for (const QuantizedLayer& layer : layers) changed += layer.quantized ? 1 : 0;
  Json more = {{"bits", request.bits}, {"group_size", request.group_size}, {"layers_quantized", changed}};
  if (options.report || output.json) more["layers"] = quantize_layers_json(layers);
  if (options.report && !output.json) print_late(context, quantize_report_text(context, layers));
  const auto before = static_cast<double>(document.file.disk_bytes());
  print_summary(context, output, written,
                fmt::format("quantized {} of {} to {} bits in groups of {}, {:.0f} % of {}{}", changed,
                            count_of(layers.size(), "layer"), request.bits, request.group_size,
                            100 * static_cast<double>(written.bytes) / before, human_bytes(before), left_alone(layers)),
                more);
  return 0;
}

int run_quantize(Context& context, const QuantizeArguments& options) {
  const QuantizeRequest request = request_of(options);
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return quantize_one(context, options, request, file, output);
  });
}

Action declare_quantize(CLI::App& app, Context& context) {
  const auto options = std::make_shared<QuantizeArguments>();
  add_files(app, options->files, options->output, "The cache to quantize");
  add_integer(app, "--bits", options->bits, 1, 64, "Bits per value: 2, 3, 4, 5, 6 or 8")->type_name("B");
  add_integer(app, "--group-size", options->group_size, 1, 65536, "Values that share a scale: 32, 64 or 128 (default 64)")
      ->type_name("G");
  add_integer(app, "--key-bits", options->key_bits, 1, 64, "Bits of keys; files can only say one number for both")
      ->type_name("B");
  add_integer(app, "--value-bits", options->value_bits, 1, 64, "Bits of values; files can only say one number for both")
      ->type_name("B");
  app.add_option("--layers", options->layers, "Only these: 0,5-9 or 4- (from 4 on); -1 or last; all but these: !0,!-1")
      ->type_name("SPEC")
      ->check(not_empty());
  app.add_flag("--requantize", options->requantize, "Decode layers that are quantized already, and quantize them again");
  app.add_flag("--report", options->report, "Measure the error of every layer in the same pass");
  add_output_options(app, options->output);
  return [&context, options] { return run_quantize(context, *options); };
}

}  // namespace

const Command quantize_command = {
    "quantize",
    Group::editing,
    "Store keys and values in fewer bits",
    "  kvcache quantize chat.safetensors --bits 8 -o chat-q8.safetensors\n"
    "  kvcache quantize chat.safetensors --bits 4 --group-size 32 --report -o chat-q4.safetensors\n"
    "  kvcache quantize chat.safetensors --bits 4 --layers '!0' -o chat-q4.safetensors      all but the first\n"
    "  kvcache quantize chat.safetensors --bits 4 --layers '!0,!-1' -o chat-q4.safetensors  all but the first and the last",
    declare_quantize,
    "The result is bit for bit what mlx-lm's to_quantized makes of a layer. Windows, chunks, recurrent state, "
    "batches and lists stay as they are, as in mlx-lm. The group size has to divide the head dims. NaN and infinity "
    "are refused, with their place, and so are groups of float16 values so far apart that their codes would decode to "
    "infinity: `kvcache convert --dtype bf16` comes first then.\n\n"
    "--layers takes numbers and ranges separated by commas: 3, 5-9, 4- (to the last), negative numbers and `last` "
    "counted from the end (-1, -3-, 4-last). With ! in front of each, all layers but these: !0,!-1. Layers and "
    "exclusions do not mix."};

}  // namespace kvcache::cli
