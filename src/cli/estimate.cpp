// kvcache estimate: what a cache of so many tokens costs.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/json.h"
#include "cli/numbers.h"
#include "cli/table.h"
#include "cli/text.h"
#include "kvcache/error.h"
#include "kvcache/estimate.h"
#include "kvcache/model_config.h"
#include "kvcache/quantize.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::string config, like;
  std::optional<std::int64_t> tokens, bits, group_size, batch;
  std::optional<Dtype> dtype;
  bool json = false;
};

/// What the estimate is made from, and what it leaves out.
struct Model {
  std::vector<LayerSpec> layers;
  std::optional<Dtype> dtype;
  std::vector<std::string> notes;
};

Model read_model(Context& context, const Options& options) {
  if (!options.config.empty() && !options.like.empty())
    throw Error(ErrorKind::usage, "--config and --like exclude each other", "give one of them");
  if (options.config.empty() && options.like.empty())
    throw Error(ErrorKind::usage, "what the cache is for is not given",
                "--config config.json of a model, or --like a cache of it");
  context.subject = options.config.empty() ? options.like : options.config;
  if (!options.config.empty()) {
    ModelConfig config = read_model_config(options.config);
    return {std::move(config.layers), config.dtype, std::move(config.notes)};
  }
  const Document document = read_sound_document(options.like);
  Model model{layer_specs(document.cache), std::nullopt, {}};
  for (const auto& layer : document.cache.layers)
    if (const auto dtype = layer->facts().dtype; dtype && !model.dtype) model.dtype = dtype;
  return model;
}

struct Row {
  std::string name;
  std::optional<int> bits;
  std::uint64_t bytes = 0;
  double per_token = 0;  ///< of one token more, past every window
};

std::vector<Row> rows_of(const Model& model, EstimateRequest request, const Options& options) {
  std::vector<Row> rows;
  const auto add = [&](std::string label, std::optional<int> bits) {
    request.bits = bits;
    EstimateRequest more = request;
    more.tokens += 1;
    const std::uint64_t bytes = estimate_bytes(model.layers, request);
    rows.push_back({std::move(label), bits, bytes, static_cast<double>(estimate_bytes(model.layers, more) - bytes)});
  };
  add(std::string(name(request.dtype)), std::nullopt);
  if (options.bits) {
    add(fmt::format("{} bits", *options.bits), static_cast<int>(*options.bits));
  } else {
    add("8 bits", 8);
    add("4 bits", 4);
  }
  return rows;
}

/// Windows stop growing: from how many tokens on each kind of them costs nothing more.
std::string windows_text(const Model& model) {
  std::vector<std::int64_t> sizes;
  std::size_t windows = 0;
  for (const LayerSpec& layer : model.layers) {
    const std::int64_t size = layer.kind == LayerSpec::Kind::rotating  ? layer.max_size
                              : layer.kind == LayerSpec::Kind::chunked ? layer.chunk_size
                                                                       : 0;
    if (size == 0) continue;
    ++windows;
    if (std::find(sizes.begin(), sizes.end(), size) == sizes.end()) sizes.push_back(size);
  }
  if (windows == 0) return {};
  return fmt::format("{} of {} are windows and cost nothing more beyond {} tokens\n", windows,
                     count_of(model.layers.size(), "layer"), fmt::join(sizes, ", "));
}

/// Layers that stay as they are whatever the bits, or nothing.
std::string odd_widths_text(const Model& model, int group_size) {
  const auto odd = [&](const LayerSpec& layer) { return has_odd_width(layer, group_size); };
  const auto first = std::find_if(model.layers.begin(), model.layers.end(), odd);
  if (first == model.layers.end()) return {};
  const auto count = static_cast<std::size_t>(std::count_if(model.layers.begin(), model.layers.end(), odd));
  const bool keys = first->key_dim % group_size != 0;
  return fmt::format("{} of {} cannot be quantized in groups of {} and stay{} plain: {} are {} wide", count,
                     count_of(model.layers.size(), "layer"), group_size, count == 1 ? "s" : "", keys ? "keys" : "values",
                     keys ? first->key_dim : first->value_dim);
}

int run(Context& context, const Options& options) {
  const Model model = read_model(context, options);
  if (!options.tokens) throw Error(ErrorKind::usage, "how many tokens is not given", "--tokens N");
  EstimateRequest request;
  request.tokens = *options.tokens;
  request.batch = options.batch.value_or(1);
  request.dtype = options.dtype.value_or(model.dtype.value_or(Dtype::F16));
  request.group_size = static_cast<int>(options.group_size.value_or(64));
  if (!is_supported_group_size(request.group_size))
    throw Error(ErrorKind::usage, fmt::format("group size {} is not supported", request.group_size), "32, 64 or 128");
  if (options.bits && !is_supported_bits(*options.bits))
    throw Error(ErrorKind::usage, fmt::format("{} bits are not supported", *options.bits), "2, 3, 4, 5, 6 or 8");
  const std::vector<Row> rows = rows_of(model, request, options);
  const std::string odd = odd_widths_text(model, request.group_size);

  if (options.json) {
    Json sizes = Json::array();
    for (const Row& row : rows)
      sizes.push_back({{"name", row.name},
                       {"bits", row.bits ? Json(*row.bits) : Json(nullptr)},
                       {"bytes", row.bytes},
                       {"bytes_per_further_token", row.per_token}});
    Json notes = model.notes;
    if (!odd.empty()) notes.push_back(odd);
    print_json({{"schema", "kvcache.estimate/1"},
                {"tokens", request.tokens},
                {"batch", request.batch},
                {"layers", model.layers.size()},
                {"dtype", name(request.dtype)},
                {"group_size", request.group_size},
                {"estimates", std::move(sizes)},
                {"notes", std::move(notes)}});
    return 0;
  }
  using Align = Table::Align;
  Table table({{fmt::format("{} tokens", request.tokens), Align::left},
               {"size", Align::right},
               {"a further token", Align::right},
               {"", Align::right}});
  for (const Row& row : rows)
    table.add({row.name, human_bytes(static_cast<double>(row.bytes)), human_bytes(row.per_token),
               rows[0].bytes == 0
                   ? ""
                   : fmt::format("{:.0f} %", 100.0 * static_cast<double>(row.bytes) / static_cast<double>(rows[0].bytes))});
  print(table.text(Style(context, stdout)) + windows_text(model) + (odd.empty() ? "" : odd + '\n'));
  for (const std::string& note : model.notes) print(fmt::format("not counted: {}\n", note));
  return 0;
}

Action declare(CLI::App& app, Context& context) {
  constexpr std::int64_t most = max_dim;
  const auto options = std::make_shared<Options>();
  app.add_option("--config", options->config, "config.json of a model, or its folder")
      ->type_name("config.json")
      ->check(not_empty());
  app.add_option("--like", options->like, "A cache of the model")->type_name("FILE")->check(not_empty());
  add_integer(app, "--tokens", options->tokens, 0, most, "Length of the prompt")->type_name("N");
  add_integer(app, "--bits", options->bits, 1, 64, "Only these bits beside the plain cache; 8 and 4 otherwise")->type_name("B");
  add_integer(app, "--group-size", options->group_size, 1, 65536, "Values that share a scale (default 64)")->type_name("G");
  add_integer(app, "--batch", options->batch, 1, 65536, "Sequences side by side (default 1)")->type_name("B");
  add_dtype(app, options->dtype, "Of the plain cache; the model's own otherwise");
  app.add_flag("--json", options->json, "Everything, as JSON");
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command estimate_command = {
    "estimate",
    Group::looking,
    "What a cache of N tokens will cost, plain and quantized",
    "  kvcache estimate --config Llama-3.2-3B/config.json --tokens 32768\n"
    "  kvcache estimate --like chat.safetensors --tokens 100000 --bits 4",
    declare,
    "Beside the size it says what one token more would cost: nothing in windows that are full, and nothing in "
    "recurrent state."};

}  // namespace kvcache::cli
