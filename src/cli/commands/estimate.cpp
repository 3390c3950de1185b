// kvcache estimate: what a cache of so many tokens costs.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <memory>
#include <span>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/remote_use.h"
#include "cli/options/dtype_option.h"
#include "cli/options/estimate_model.h"
#include "cli/options/numbers.h"
#include "cli/options/quantities.h"
#include "cli/render/json.h"
#include "cli/render/table.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "kvcache/estimate.h"
#include "kvcache/model_types.h"
#include "kvcache/quantize.h"

namespace kvcache::cli {
namespace {

struct EstimateArguments {
  std::string config, like;
  std::optional<std::int64_t> tokens, bits, group_size, batch, max_kv_size;
  std::optional<Dtype> dtype;
  std::optional<std::uint64_t> fits;
  bool json = false;
};

EstimatedModel read_model(Context& context, const EstimateArguments& options) {
  if (!options.config.empty() && !options.like.empty())
    throw Error(ErrorKind::usage, "--config and --like exclude each other", "give one of them");
  if (options.config.empty() && options.like.empty())
    throw Error(ErrorKind::usage, "what the cache is for is not given",
                "--model of a folder or an id of Hugging Face, --config config.json, or --like a cache of it");
  context.subject = options.config.empty() ? options.like : options.config;
  EstimatedModel model = options.config.empty() ? model_like(context, options.like) : model_of_config(options.config);
  if (options.max_kv_size) limit_windows(model, *options.max_kv_size);
  return model;
}

struct EstimateRow {
  std::string name;
  std::optional<int> bits;
  std::uint64_t bytes = 0;
  double per_token = 0;                  ///< of one token more, past every window
  std::optional<std::int64_t> fit = {};  ///< --fits: how many tokens; nothing where it has no end
};

double bytes_of_further_token(std::span<const LayerSpec> layers, EstimateRequest request) {
  const std::uint64_t bytes = estimate_bytes(layers, request);
  request.tokens += 1;
  return static_cast<double>(estimate_bytes(layers, request) - bytes);
}

/// As many tokens as fit into `bytes`; nothing where any number does.
std::optional<std::int64_t> tokens_that_fit(std::span<const LayerSpec> layers, EstimateRequest request, std::uint64_t bytes) {
  const auto fits = [&](std::int64_t tokens) {
    request.tokens = tokens;
    return estimate_bytes(layers, request) <= bytes;
  };
  if (fits(max_dim)) return std::nullopt;
  if (!fits(0)) return 0;
  std::int64_t enough = 0;
  std::int64_t too_many = max_dim;
  while (too_many - enough > 1) {
    const std::int64_t middle = enough + (too_many - enough) / 2;
    (fits(middle) ? enough : too_many) = middle;
  }
  return enough;
}

/// The plain cache, and quantized ones where there can be any.
std::vector<EstimateRow> rows_of(const EstimatedModel& model, EstimateRequest request, const EstimateArguments& options,
                                 bool quantizable) {
  std::vector<EstimateRow> rows;
  const auto add = [&](std::string label, std::optional<int> bits) {
    request.bits = bits;
    rows.push_back(
        {std::move(label), bits, estimate_bytes(model.layers, request), bytes_of_further_token(model.layers, request)});
    if (options.fits) rows.back().fit = tokens_that_fit(model.layers, request, *options.fits);
  };
  add(std::string(name(request.dtype)), std::nullopt);
  if (!quantizable) return rows;
  if (options.bits) {
    add(fmt::format("{} bits", *options.bits), static_cast<int>(*options.bits));
  } else {
    add("8 bits", 8);
    add("4 bits", 4);
  }
  return rows;
}

/// Windows stop growing: from how many tokens on each kind of them costs nothing more.
std::string windows_text(const EstimatedModel& model) {
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
  return fmt::format("{} of {} are windows and cost nothing more beyond {} tokens", windows,
                     count_of(model.layers.size(), "layer"), fmt::join(sizes, ", "));
}

Json group_json(const LayerGroup& group, const EstimateRequest& request) {
  const std::vector<LayerSpec> layers(group.at.size(), group.layer);
  const LayerSpec& layer = group.layer;
  const bool heads = layer.kv_heads > 0;
  const auto some = [](std::int64_t value) { return value > 0 ? Json(value) : Json(nullptr); };
  return {{"layers", group.at},
          {"caches", layer_in_words(layer)},
          {"max_size", some(layer.max_size)},
          {"chunk_size", some(layer.chunk_size)},
          {"kv_heads", heads ? Json(layer.kv_heads) : Json(nullptr)},
          {"key_dim", heads ? Json(layer.key_dim) : Json(nullptr)},
          {"value_dim", heads ? Json(layer.value_dim) : Json(nullptr)},
          {"sizes", sizes_in_words(layer)},
          {"bytes", estimate_bytes(layers, request)},
          {"bytes_per_further_token", bytes_of_further_token(layers, request)}};
}

void print_as_json(const Context& context, const EstimatedModel& model, const EstimateRequest& request,
                   const Grouping& grouping, const std::vector<EstimateRow>& rows, std::optional<std::uint64_t> fits) {
  Json sizes = Json::array();
  for (const EstimateRow& row : rows) {
    sizes.push_back({{"name", row.name},
                     {"bits", row.bits ? Json(*row.bits) : Json(nullptr)},
                     {"bytes", row.bytes},
                     {"bytes_per_further_token", row.per_token}});
    if (fits) sizes.back()["tokens_that_fit"] = row.fit ? Json(*row.fit) : Json(nullptr);
  }
  Json groups = Json::array();
  for (const LayerGroup& group : groups_of(model.layers)) groups.push_back(group_json(group, request));
  Json notes = model.notes;
  if (!grouping.why.empty()) notes.push_back(grouping.why);
  const ModelConfig* const config = model.config ? &*model.config : nullptr;
  Json document = {{"schema", "kvcache.estimate/1"},
                   {"tokens", request.tokens},
                   {"batch", request.batch},
                   {"layers", model.layers.size()},
                   {"dtype", name(request.dtype)},
                   {"group_size", grouping.group_size ? Json(*grouping.group_size) : Json(nullptr)},
                   {"estimates", std::move(sizes)},
                   {"model_type", config != nullptr ? Json(config->model_type) : Json(nullptr)},
                   {"source", config != nullptr ? Json(config->source) : Json(nullptr)},
                   {"assumed", config != nullptr ? Json(config->assumed) : Json::array()},
                   {"caches", layers_in_words(model.layers)},
                   {"groups", std::move(groups)},
                   {"notes", std::move(notes)}};
  if (fits) document["fits"] = *fits;
  print_json(with_usage(context, std::move(document)));
}

/// Which layers cost what, where they are not all the same.
void print_groups(const Style& style, const EstimatedModel& model, const EstimateRequest& request) {
  constexpr std::size_t most_shown = 12;
  const std::vector<LayerGroup> groups = groups_of(model.layers);
  if (groups.size() < 2 || groups.size() > most_shown) return;
  Table table({{"", Table::Align::right}, {"", Table::Align::left}, {"", Table::Align::right}, {"", Table::Align::left}}, 2);
  for (const LayerGroup& group : groups) {
    const std::vector<LayerSpec> layers(group.at.size(), group.layer);
    table.add({fmt::format("{} x", group.at.size()), layer_in_words(group.layer),
               human_bytes(static_cast<double>(estimate_bytes(layers, request))), sizes_in_words(group.layer)});
  }
  print(table.text(style));
}

void print_about(const EstimatedModel& model) {
  if (!model.config) return;
  const ModelConfig& config = *model.config;
  std::string text = fmt::format("{}: {}, as {} makes them", config.model_type, layers_in_words(model.layers), config.source);
  if (!config.assumed.empty()) text += fmt::format("; not in config.json, so assumed: {}", fmt::join(config.assumed, ", "));
  print(paragraph(text));
}

int run_estimate(Context& context, const EstimateArguments& options) {
  const EstimatedModel model = read_model(context, options);
  if (options.tokens.has_value() == options.fits.has_value())
    throw Error(ErrorKind::usage, options.tokens ? "--tokens and --fits exclude each other" : "how many tokens is not given",
                "--tokens 32k says what they take, --fits 16GiB how many there is room for");
  if (options.group_size && !is_supported_group_size(*options.group_size))
    throw Error(ErrorKind::usage, fmt::format("group size {} is not supported", *options.group_size), "32, 64 or 128");
  if (options.bits && !is_supported_bits(*options.bits))
    throw Error(ErrorKind::usage, fmt::format("{} bits are not supported", *options.bits), "2, 3, 4, 5, 6 or 8");
  const Grouping grouping = group_size_for(model, options.group_size);
  EstimateRequest request;
  request.batch = options.batch.value_or(1);
  request.dtype = options.dtype.value_or(model.dtype.value_or(Dtype::F16));
  request.group_size = grouping.group_size.value_or(request.group_size);
  // Where any number fits: what is said of it is true of the largest.
  request.tokens = options.tokens ? *options.tokens : tokens_that_fit(model.layers, request, *options.fits).value_or(max_dim);
  const std::vector<EstimateRow> rows = rows_of(model, request, options, grouping.group_size.has_value());
  if (options.json) {
    print_as_json(context, model, request, grouping, rows, options.fits);
    return 0;
  }
  using Align = Table::Align;
  const Style style(context, stdout);
  Table table({{options.fits ? fmt::format("in {}", human_bytes(static_cast<double>(*options.fits)))
                             : count_of(static_cast<std::uint64_t>(request.tokens), "token"),
                Align::left},
               {options.fits ? "tokens" : "size", Align::right},
               {"per new token", Align::right},
               {options.fits ? "" : "of plain", Align::right}});
  for (const EstimateRow& row : rows) {
    if (options.fits) {
      table.add({row.name, row.fit ? std::to_string(*row.fit) : "any number", human_bytes(row.per_token)});
      continue;
    }
    table.add({row.name, human_bytes(static_cast<double>(row.bytes)), human_bytes(row.per_token),
               rows[0].bytes == 0
                   ? ""
                   : fmt::format("{:.0f} %", 100.0 * static_cast<double>(row.bytes) / static_cast<double>(rows[0].bytes))});
  }
  print(table.text(style));
  print_groups(style, model, request);
  if (const std::string windows = windows_text(model); !windows.empty()) print(paragraph(windows));
  if (!grouping.why.empty()) print(paragraph(grouping.why));
  print_about(model);
  for (const std::string& note : model.notes) print(paragraph("note: " + note));
  return 0;
}

Action declare_estimate(CLI::App& app, Context& context) {
  constexpr std::int64_t most = max_dim;
  const auto options = std::make_shared<EstimateArguments>();
  app.add_option("--config,--model", options->config, "A model: its config.json, its folder, or an id of Hugging Face")
      ->type_name("config.json")
      ->check(not_empty());
  app.add_option("--like", options->like, "A cache of the model")->type_name("FILE")->check(not_empty());
  add_count(app, "--tokens", options->tokens, most, "Length of the prompt: 4096, 32k");
  add_bytes(app, "--fits", options->fits, "Instead: how many tokens there is room for in this: 16GiB, 500MB");
  add_integer(app, "--bits", options->bits, 1, 64, "Only these bits beside the plain cache; 8 and 4 otherwise")->type_name("B");
  add_integer(app, "--group-size", options->group_size, 1, 65536,
              "Values that share a scale (default 64, or 32 where that fits)")
      ->type_name("G");
  add_integer(app, "--max-kv-size", options->max_kv_size, 1, most, "Windows of so many tokens, as mlx-lm's option of this name")
      ->type_name("M");
  add_integer(app, "--batch", options->batch, 1, 65536, "Sequences side by side (default 1)")->type_name("B");
  add_dtype(app, options->dtype, "Of the plain cache; the model's own otherwise");
  app.add_flag("--json", options->json, "Everything, as JSON");
  return [&context, options] { return run_estimate(context, *options); };
}

}  // namespace

const Command estimate_command = {
    "estimate",
    Group::looking,
    "What a cache of N tokens will cost, plain and quantized",
    "  kvcache estimate --config Llama-3.2-3B/config.json --tokens 32k\n"
    "  kvcache estimate --model mlx-community/Llama-3.2-3B-Instruct-4bit --fits 16GiB\n"
    "  kvcache estimate --like chat.safetensors --tokens 100000 --bits 4",
    declare_estimate,
    "Beside the size it says what one token more would cost: nothing in windows that are full, and nothing in "
    "recurrent state. Which caches a model has is read by its type (kvcache models); what config.json leaves out and the "
    "model's code assumes is named. Quantized sizes are given where layers can be quantized."};

}  // namespace kvcache::cli
