// kvcache mask: what the next tokens may attend to.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/files/remote_use.h"
#include "cli/options/numbers.h"
#include "cli/render/mask_picture.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct MaskArguments {
  std::string file;
  std::optional<std::int64_t> queries = 1, layer, window;
  bool array = false;
  OutputOptions output;
};

std::string_view kind_name(Mask::Kind kind) {
  switch (kind) {
    case Mask::Kind::none:
      return "none";
    case Mask::Kind::causal:
      return "causal";
    case Mask::Kind::array:
      break;
  }
  return "array";
}

std::string in_words(const Cache& cache, const Mask& mask) {
  switch (mask.kind) {
    case Mask::Kind::none:
      if (!cache.facts().tokens) return "none: the state takes in every new token, so it needs no mask";
      return "none: every query sees every row of keys, so attention needs no mask";
    case Mask::Kind::causal:
      return "causal: a query sees all rows before it and its own; attention does that without an array";
    case Mask::Kind::array:
      break;
  }
  return fmt::format("array: booleans {}, true where a query may look", to_string(mask.array.shape()));
}

std::string picture(const Cache& cache, const Tensor& mask, std::int64_t queries) {
  MaskPicture p;
  p.mask = mask;
  p.column_title = "row of keys after the update";
  p.row_title = "query";
  const std::size_t rank = mask.rank();
  if (rank == 4) {
    p.group = queries;
    p.label = [queries](std::int64_t row) { return fmt::format("sequence {}, +{}", row / queries, row % queries); };
  } else if (cache.facts().tokens) {
    p.group = rank == 1 ? 1 : queries;
    p.label = [first = *cache.facts().tokens](std::int64_t row) { return fmt::format("token {}", first + row); };
  } else {
    p.column_title = "new token";
    p.row_title = "state";
    p.label = [](std::int64_t row) { return fmt::format("sequence {}", row); };
  }
  return draw(p);
}

Json json(const MaskArguments& options, const Cache& cache, const Mask& mask) {
  const bool array = mask.kind == Mask::Kind::array;
  return {{"schema", "kvcache.mask/1"},
          {"kind", kind_name(mask.kind)},
          {"shape", array ? Json(mask.array.shape()) : Json(nullptr)},
          {"path", detail::without_secrets(options.file)},
          {"layer", options.layer.value_or(0)},
          {"class", cache.class_name()},
          {"queries", *options.queries},
          {"window", json_of(options.window)}};
}

void write_mask(Context& context, const MaskArguments& options, const Cache& cache, const Mask& mask) {
  if (mask.kind == Mask::Kind::none)
    throw Error(ErrorKind::impossible, "there is nothing to write; the mask is " + in_words(cache, mask));
  if (mask.kind == Mask::Kind::causal)
    throw Error(ErrorKind::impossible, "the mask is plain causal attention, which needs no array",
                "--array makes one all the same");
  WriteOptions how = how_to_write(options.output, options.output.path);
  ProgressBar bar(context, "writing");
  how.progress = bar.callback();
  std::uint64_t bytes = 0;
  writing(context, options.output.path, [&] {
    bytes = write_named(context, options.output.path, {{"mask", mask.array}}, {}, how);
  });
  if (!context.quiet)
    say(fmt::format("mask of booleans {}; wrote {} ({})", to_string(mask.array.shape()), shown_output(options.output.path),
                    human_bytes(static_cast<double>(bytes))));
}

void show(const PromptCache& cache, std::size_t index, const MaskArguments& options, const Mask& mask) {
  const Cache& layer = *cache.layers[index];
  std::string text =
      fmt::format("{}, {} {}", layer_name(cache, index), *options.queries, *options.queries == 1 ? "query" : "queries");
  if (options.window) text += fmt::format(", window {}", *options.window);
  text = paragraph(text) + paragraph(in_words(layer, mask));
  if (mask.kind != Mask::Kind::none) {
    const Mask drawn = mask.kind == Mask::Kind::array ? mask : layer.make_mask(*options.queries, options.window, true);
    text += '\n' + picture(layer, drawn.array, *options.queries);
  }
  print(text);
}

int run_mask(Context& context, const MaskArguments& options) {
  const bool writes = !options.output.path.empty();
  if (writes && options.output.json)
    throw Error(ErrorKind::usage, "-o and --json exclude each other", "-o writes the array, --json describes it");
  if (!writes && (options.output.force || options.output.gzip))
    throw Error(ErrorKind::usage, "--force and --gzip belong to -o");
  if (writes) check_output(options.output, {options.file});
  context.subject = options.file;
  const Document document = read_sound_named(context, options.file);
  const auto index = static_cast<std::size_t>(options.layer.value_or(0));
  if (index >= document.cache.layers.size())
    throw Error(ErrorKind::usage, fmt::format("there is no layer {}", index),
                fmt::format("the file has {}", count_of(document.cache.layers.size(), "layer")));
  const Cache& layer = *document.cache.layers[index];
  const Mask mask = layer.make_mask(*options.queries, options.window, options.array);
  if (writes) {
    write_mask(context, options, layer, mask);
  } else if (options.output.json) {
    print_json(with_usage(context, json(options, layer, mask)));
  } else {
    show(document.cache, index, options, mask);
  }
  return 0;
}

Action declare_mask(CLI::App& app, Context& context) {
  const auto options = std::make_shared<MaskArguments>();
  options->output.has_in_place = false;
  app.add_option("FILE", options->file, "The cache; - is standard input")->required();
  add_integer(app, "--queries", options->queries, 1, max_dim, "How many tokens come next (default 1)");
  add_integer(app, "--layer", options->layer, 0, max_dim, "Of this layer (default 0)")->type_name("L");
  add_integer(app, "--window", options->window, 1, max_dim, "Sliding window of the model, in tokens")->type_name("W");
  app.add_flag("--array", options->array, "An array where the runtime would do without one");
  app.add_flag("--json", options->output.json, "Print kind and shape as JSON");
  app.add_option("-o,--output", options->output.path,
                 "Write the array to this file, as the tensor 'mask'; - is standard output")
      ->type_name("OUT");
  app.add_flag("--force", options->output.force, "Replace OUT if it exists");
  app.add_flag("--gzip", options->output.gzip, "Compress the output");
  return [&context, options] { return run_mask(context, *options); };
}

}  // namespace

const Command mask_command = {
    "mask",
    Group::looking,
    "Show what the next tokens may attend to",
    "  kvcache mask chat.safetensors --queries 4\n"
    "  kvcache mask chat.safetensors --queries 4 --layer 1 --window 512 --array -o mask.safetensors\n"
    "Without -o and --json it is drawn.",
    declare_mask,
    "The mask is the one that the runtime's make_mask returns: none, where every query sees every row; causal, "
    "where attention needs no array; or an array of booleans, true where a query may look."};

}  // namespace kvcache::cli
