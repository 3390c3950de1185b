// kvcache metadata: what the user stored beside the layers.
#include <fmt/format.h>

#include <limits>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/files/remote_use.h"
#include "cli/options/choice.h"
#include "cli/render/json.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "edit/metadata_keys.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

struct MetadataArguments {
  std::string file;
  std::string action = "list";
  std::vector<std::string> words;
  OutputOptions output;
};

constexpr std::size_t whole = std::numeric_limits<std::size_t>::max();

int show(Context& context, const MetadataArguments& options) {
  if (!options.output.path.empty() || options.output.in_place)
    throw Error(ErrorKind::usage, fmt::format("'{}' writes nothing", options.action),
                "-o and --in-place belong to set, unset and strip");
  if (options.action == "get" && options.words.size() != 1)
    throw Error(ErrorKind::usage, "get takes one key", "kvcache metadata FILE get model");
  if (options.action == "list" && !options.words.empty())
    throw Error(ErrorKind::usage, "list takes no key", "get KEY shows one");
  context.subject = options.file;
  const Document document = read_named(context, options.file);
  const auto& metadata = document.cache.metadata;
  Json shown = Json::object();
  if (options.action == "get") {
    const auto it = metadata.find(options.words[0]);
    if (it == metadata.end())
      throw Error(ErrorKind::impossible, fmt::format("no metadata '{}'", printable(options.words[0])),
                  fmt::format("`kvcache metadata {} list` shows what is there", shell_path(document.file.path())));
    shown[it->first] = it->second;
    if (!options.output.json) print(printable(it->second, whole) + "\n");
  } else {
    for (const auto& [key, value] : metadata) {
      shown[key] = value;
      if (!options.output.json) print(fmt::format("{}={}\n", printable(key, whole), printable(value, whole)));
    }
  }
  if (options.output.json)
    print_json(with_usage(context, {{"schema", "kvcache.metadata/1"}, {"path", document.file.path()}, {"metadata", shown}}));
  return 0;
}

/// Applies set, unset or strip. Returns what was done.
std::string edit(PromptCache& cache, const MetadataArguments& options) {
  if (options.action == "strip") {
    const std::size_t n = cache.metadata.size();
    cache.metadata.clear();
    return fmt::format("removed {}; the keys and values themselves still hold the prompt, and cannot be stripped",
                       count_of(n, "metadata value"));
  }
  for (const std::string& word : options.words) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (options.action == "unset") {
      detail::unset_metadata(cache, word);
    } else {
      if (equals == std::string::npos)
        throw Error(ErrorKind::usage, fmt::format("'{}' is not KEY=VALUE", printable(word)),
                    "kvcache metadata FILE set model=NAME");
      detail::set_metadata(cache, key, word.substr(equals + 1), options.output.force);
    }
  }
  return fmt::format("{} {}", options.action, count_of(options.words.size(), "metadata value"));
}

int run_metadata(Context& context, const MetadataArguments& options) {
  if (options.action == "get" || options.action == "list") return show(context, options);
  if (options.action == "strip" ? !options.words.empty() : options.words.empty())
    throw Error(ErrorKind::usage,
                options.action == "strip" ? "strip removes all user metadata and takes no key" : "no key is given",
                "set KEY=VALUE..., unset KEY..., strip");
  check_output(options.output, {options.file});
  context.subject = options.file;
  Document document = read_intact_named(context, options.file);
  const Era era = era_to_keep(document);
  const std::string done = edit(document.cache, options);
  const Written written = write_output(context, document.cache, era, options.output, document);
  print_summary(context, options.output, written, done);
  return 0;
}

Action declare_metadata(CLI::App& app, Context& context) {
  const auto options = std::make_shared<MetadataArguments>();
  app.add_option("FILE", options->file, "The cache; - is standard input")->required();
  app.add_option("ACTION", options->action,
                 "get KEY, set KEY=VALUE..., unset KEY..., strip (all of it), or list, which needs not be said")
      ->check(one_of({"get", "set", "unset", "strip", "list"}));
  app.add_option("WORDS", options->words, "Keys, or KEY=VALUE for set");
  add_output_options(app, options->output);
  return [&context, options] { return run_metadata(context, *options); };
}

}  // namespace

const Command metadata_command = {
    "metadata",
    Group::editing,
    "Show or change what was stored beside the layers",
    "  kvcache metadata chat.safetensors list\n"
    "  kvcache metadata chat.safetensors set model=mlx-community/Llama-3.2-3B --in-place\n"
    "  kvcache metadata chat.safetensors strip -o to-share.safetensors",
    declare_metadata,
    "A key that mlx-lm would return as something else than what was stored is refused without --force. What is "
    "stripped is the metadata: keys and values still hold the prompt."};

}  // namespace kvcache::cli
