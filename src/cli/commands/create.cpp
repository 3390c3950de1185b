// kvcache create: a cache without a model, of zeros or of random values.
#include <fmt/format.h>

#include <limits>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/output.h"
#include "cli/options/choice.h"
#include "cli/options/dtype_option.h"
#include "cli/options/numbers.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "cli/usage.h"
#include "kvcache/error.h"
#include "kvcache/generate.h"
#include "kvcache/model_config.h"
#include "model/find_model.h"

namespace kvcache::cli {
namespace {

struct CreateArguments {
  std::string config;
  std::optional<std::int64_t> layers, heads, head_dim;
  std::string class_name;
  std::optional<std::int64_t> max_size, keep, chunk_size, bits, group_size, tokens, seed;
  std::optional<Dtype> dtype;
  std::string fill = "zeros";
  std::string to = "mlx-lm@0.31";
  OutputOptions output;
};

/// --class, or what the other options suggest.
std::string class_of(const CreateArguments& options) {
  if (!options.class_name.empty()) return options.class_name;
  return options.max_size ? "RotatingKVCache" : "KVCache";
}

void check(const CreateArguments& options, const std::string& class_name) {
  const bool sized = options.layers || options.heads || options.head_dim;
  if (!options.config.empty()) {
    if (sized) refuse_usage("--config tells the layers: --layers, --heads and --head-dim do not go with it");
    if (!options.class_name.empty() && class_name != "QuantizedKVCache")
      refuse_usage("--config tells the classes: of --class only QuantizedKVCache goes with it");
    if (options.max_size || options.chunk_size)
      refuse_usage("--config tells the windows: leave out --max-size and --chunk-size");
  } else if (!options.layers || !options.heads || !options.head_dim) {
    refuse_usage("what to create is not given", "--layers N --heads H --head-dim D, or --config config.json of a model");
  }
  if (class_name == "ArraysCache")
    refuse_usage("an ArraysCache has slots of a model's own shapes",
                 "leave out --class and give --config config.json of that model");
  if (class_name == "RotatingKVCache" && !options.max_size)
    refuse_usage("a RotatingKVCache needs the size of its window", "--max-size M");
  if (class_name != "RotatingKVCache" && (options.max_size || options.keep))
    refuse_usage("--max-size and --keep belong to --class RotatingKVCache");
  if (class_name != "ChunkedKVCache" && options.chunk_size) refuse_usage("--chunk-size belongs to --class ChunkedKVCache");
  if (class_name != "QuantizedKVCache" && (options.bits || options.group_size))
    refuse_usage("--bits and --group-size belong to --class QuantizedKVCache");
  if (options.fill != "random" && options.seed) refuse_usage("--seed belongs to --fill random");
}

std::vector<LayerSpec> layers_from_options(const CreateArguments& options, const std::string& class_name) {
  LayerSpec spec;
  spec.kv_heads = *options.heads;
  spec.key_dim = spec.value_dim = *options.head_dim;
  if (class_name == "RotatingKVCache") {
    spec.kind = LayerSpec::Kind::rotating;
    spec.max_size = *options.max_size;
    // The reference's make_prompt_cache pins 4 tokens, which a smaller window cannot.
    spec.keep = options.keep.value_or(std::min<std::int64_t>(4, spec.max_size - 1));
  } else if (class_name == "ChunkedKVCache") {
    spec.kind = LayerSpec::Kind::chunked;
    spec.chunk_size = options.chunk_size.value_or(8192);  // llama 4's
  }
  return std::vector<LayerSpec>(static_cast<std::size_t>(*options.layers), spec);
}

GenerateOptions how_to_fill(const CreateArguments& options, const std::string& class_name, const ModelConfig& config) {
  GenerateOptions how;
  how.fill = options.fill == "random" ? GenerateOptions::Fill::random : GenerateOptions::Fill::zeros;
  how.tokens = options.tokens.value_or(0);
  how.dtype = options.dtype.value_or(config.dtype.value_or(Dtype::F16));
  how.seed = static_cast<std::uint64_t>(options.seed.value_or(0));
  if (class_name == "QuantizedKVCache")
    how.quantization =
        AffineQuantization{static_cast<int>(options.bits.value_or(8)), static_cast<int>(options.group_size.value_or(64))};
  return how;
}

int run_create(Context& context, const CreateArguments& options) {
  const std::string class_name = class_of(options);
  check(options, class_name);
  const Target target = find_target(options.to);
  if (!dialect(target.era()).writable)
    refuse_usage(fmt::format("{} can be read but is never written", target.id()), "no release in use loads it");
  std::vector<std::string> inputs;
  if (!options.config.empty()) inputs = {options.config, options.config + "/config.json"};
  check_output(options.output, inputs);
  ModelConfig config;
  if (options.config.empty()) {
    config.layers = layers_from_options(options, class_name);
  } else {
    context.subject = options.config;
    const std::string model = detail::require_model(options.config);
    config = read_model_config(
        model, dialect(target.era()).family == Family::mlx_swift_lm ? ModelCode::mlx_swift_lm : ModelCode::mlx_lm);
    for (const std::string& note : config.notes) warn(context, note);
  }
  const PromptCache cache = generate_prompt_cache(config.layers, how_to_fill(options, class_name, config));
  const Written written = write_output(context, cache, target, options.output, Document());
  print_summary(context, options.output, written,
                fmt::format("created {} of {}", count_of(cache.layers.size(), "layer"),
                            count_of(static_cast<std::uint64_t>(options.tokens.value_or(0)), "token")),
                {{"path", options.config.empty() ? Json(nullptr) : Json(options.config)},
                 {"layers", cache.layers.size()},
                 {"model_type", options.config.empty() ? Json(nullptr) : Json(config.model_type)}});
  return 0;
}

void declare_sizes(CLI::App& app, CreateArguments& options) {
  constexpr std::int64_t most = max_dim;
  app.add_option("--config,--model", options.config,
                 "Layers as this model has them: its config.json, its folder, or an id of Hugging Face")
      ->type_name("config.json")
      ->check(not_empty());
  add_integer(app, "--layers", options.layers, 1, 100000, "Layers");
  add_integer(app, "--heads", options.heads, 1, most, "Key/value heads of each")->type_name("H");
  add_integer(app, "--head-dim", options.head_dim, 1, most, "Width of keys and values")->type_name("D");
  add_integer(app, "--tokens", options.tokens, 0, most, "Tokens in the cache (default 0)")->type_name("T");
}

Action declare_create(CLI::App& app, Context& context) {
  constexpr std::int64_t most = max_dim;
  const auto options = std::make_shared<CreateArguments>();
  declare_sizes(app, *options);
  app.add_option("--class", options->class_name, "Class of all layers (default KVCache; RotatingKVCache with --max-size)")
      ->check(one_of({"KVCache", "RotatingKVCache", "QuantizedKVCache", "ChunkedKVCache", "ArraysCache"}))
      ->type_name("C");
  add_integer(app, "--max-size", options->max_size, 1, most, "Window of RotatingKVCache, in tokens")->type_name("M");
  add_integer(app, "--keep", options->keep, 0, most, "First tokens that a window pins (default 4)")->type_name("K");
  add_integer(app, "--chunk-size", options->chunk_size, 1, most, "Chunk of ChunkedKVCache, in tokens (default 8192)");
  add_integer(app, "--bits", options->bits, 1, 64, "Bits of QuantizedKVCache (default 8)")->type_name("B");
  add_integer(app, "--group-size", options->group_size, 1, 65536, "Group of QuantizedKVCache (default 64)")->type_name("G");
  add_dtype(app, options->dtype, "Of keys and values (default f16, or the model's)");
  app.add_option("--fill", options->fill, "What is in it: zeros (default), or random, normally distributed")
      ->check(one_of({"zeros", "random"}))
      ->type_name("zeros|random");
  add_integer(app, "--seed", options->seed, 0, std::numeric_limits<std::int64_t>::max(),
              "Of --fill random: the same seed gives the same file (default 0)");
  app.add_option("--to", options->to, "Format to write (default mlx-lm@0.31)")->type_name("ID");
  add_output_options(app, options->output, false);
  return [&context, options] { return run_create(context, *options); };
}

}  // namespace

const Command create_command = {
    "create",
    Group::making,
    "Make a cache without a model, for tests and measurements",
    "  kvcache create --layers 16 --heads 8 --head-dim 64 --tokens 512 --fill random -o test.safetensors\n"
    "  kvcache create --config ~/models/gemma-3-4b/config.json --tokens 1000 -o gemma.safetensors\n"
    "  kvcache create --layers 2 --heads 2 --head-dim 64 --max-size 512 --tokens 900 -o window.safetensors",
    declare_create,
    "The layers are those of --layers, --heads and --head-dim, or those of a model's config.json. The same options "
    "give the same bytes on every machine."};

}  // namespace kvcache::cli
