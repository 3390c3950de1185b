// kvcache store get and probe: the longest stored prefix of a prompt.
#include <fmt/format.h>

#include <limits>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands/store/store.h"
#include "cli/files/output.h"
#include "cli/options/numbers.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

struct StoreGetArguments {
  StoreOption store;
  PromptOptions prompt;
  std::optional<std::int64_t> leave;
  std::optional<std::int64_t> min_tokens;
  bool exact = false;
  std::string space;
  std::string to;
  OutputOptions output;
  bool no_sync = false;
};

store::Query query_of(Context& context, const StoreGetArguments& options) {
  store::Query query;
  query.prompt = options.prompt.read(context);
  query.leave = options.leave.value_or(1);
  query.min_tokens = options.min_tokens.value_or(1);
  query.exact = options.exact;
  if (!options.space.empty()) query.space = options.space;
  return query;
}

Json json_of_match(const store::Match& match, const store::TokenIds& tokens) {
  return {{"schema", "kvcache.store-get/1"},
          {"query", match.query},
          {"matched", match.matched},
          {"resume_at", match.resume_at},
          {"remainder", store::TokenIds(tokens.begin() + match.resume_at, tokens.end())},
          {"entry", match.entry.empty() ? Json(nullptr) : Json(match.entry)},
          {"namespace", match.space.empty() ? Json(nullptr) : Json(match.space)},
          {"format", match.format.empty() ? Json(nullptr) : Json(match.format)},
          {"blocks", match.blocks},
          {"bytes", match.bytes},
          {"reason", match.reason}};
}

std::string in_words(const store::Match& match) {
  if (!match.hit()) return fmt::format("miss: {}", match.reason);
  std::string text = fmt::format("{} of {}", match.resume_at, count_of(static_cast<std::uint64_t>(match.query), "token"));
  if (!match.entry.empty()) text += fmt::format(" from entry {}", short_id(match.entry));
  return match.reason.empty() ? text : fmt::format("{} ({})", text, match.reason);
}

int run_probe(Context& context, const StoreGetArguments& options) {
  const store::Query query = query_of(context, options);
  const store::Store from = options.store.open(context, false);
  const store::Match match = from.probe(query);
  for (const std::string& warning : match.warnings) warn(context, warning);
  if (options.output.json) {
    print_json(json_of_match(match, query.prompt.tokens));
  } else {
    print(in_words(match) + '\n');
  }
  return match.hit() ? 0 : 1;
}

int run_get(Context& context, const StoreGetArguments& options) {
  check_output(options.output, {options.prompt.tokens});
  std::optional<Target> target;
  if (!options.to.empty()) target = find_target(options.to);
  const store::Query query = query_of(context, options);
  const store::Store from = options.store.open(context, false);
  store::Got got = from.get(query);
  for (const std::string& warning : got.match.warnings) warn(context, warning);
  if (!got.match.hit()) {
    if (options.output.json) print_json(json_of_match(got.match, query.prompt.tokens));
    if (!context.quiet) say(in_words(got.match));
    return 1;
  }
  const store::Match match = got.match;
  const std::uint64_t bytes = write_got(context, std::move(got), target, options.output, false, !options.no_sync);
  if (!context.quiet)
    say(fmt::format("{}; wrote {} ({})", in_words(match), shown_output(options.output.path),
                    human_bytes(static_cast<double>(bytes))));
  if (options.output.json) {
    Json document = json_of_match(match, query.prompt.tokens);
    document["output"] = options.output.path;
    document["output_bytes"] = bytes;
    print_late_json(context, document);
  }
  return 0;
}

void declare_query(CLI::App& app, StoreGetArguments& options) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  add_prompt(app, options.prompt, true);
  add_integer(app, "--leave", options.leave, 0, most, "Leave at least N tokens to be processed: 1 unless given")
      ->type_name("N");
  add_integer(app, "--min-tokens", options.min_tokens, 1, most, "A cache of fewer tokens is a miss")->type_name("N");
  app.add_flag("--exact", options.exact, "Only a cache of all the tokens; none need be left");
  app.add_option("--namespace", options.space, "Only in the namespace whose name begins so")
      ->type_name("N")
      ->check(not_empty());
}

Action declare_get(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreGetArguments>();
  declare_query(app, *options);
  app.add_option("--to", options->to, "The format to write; by default that of the file that was put")->type_name("ID");
  add_output_options(app, options->output, false);
  app.add_flag(
      "--no-sync", options->no_sync,
      "Do not wait until OUT is on the disk, which is most of the time: a power cut may then leave a part of it. What is "
      "stored stays what it was");
  add_store(app, options->store);
  return [&context, options] { return run_get(context, *options); };
}

Action declare_probe(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreGetArguments>();
  declare_query(app, *options);
  app.add_flag("--json", options->output.json, "What was found, as JSON");
  add_store(app, options->store);
  return [&context, options] { return run_probe(context, *options); };
}

}  // namespace

const Command store_get_command = {
    "get", Group::making, "Write the cache of the longest stored prefix of a prompt",
    "  kvcache store get --tokens prompt.json --identity llama --store chats -o resume.safetensors\n"
    "  kvcache store get --tokens prompt.json --identity llama --store chats --to mlx-swift-lm --json -o swift.safetensors\n"
    "The exit status is 1 for a miss, and nothing is written then.",
    declare_get};

const Command store_probe_command = {
    "probe", Group::making, "Say how much of a prompt is stored, and why not more",
    "  kvcache store probe --tokens prompt.json --identity llama --store chats\n"
    "  kvcache store probe --tokens prompt.json --identity llama --store chats --json | jq .resume_at\n"
    "The exit status is 1 for a miss.",
    declare_probe};

}  // namespace kvcache::cli
