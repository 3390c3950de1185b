// kvcache store: prompt caches by their tokens. Its commands are the other files of this folder.
#include "cli/commands/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "cli/commands.h"
#include "cli/files/open.h"
#include "cli/files/remote_use.h"
#include "cli/options/numbers.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/version.h"
#include "common/human.h"
#include "common/utc_text.h"
#include "edit/stamp_now.h"
#include "foreign/known_ids.h"
#include "kvcache/error.h"
#include "kvcache/fleet.h"
#include "kvcache/printable.h"
#include "kvcache/stamp.h"
#include "model/find_model.h"
#include "platform/folder.h"

namespace kvcache::cli {
namespace {

const Command* const store_command_table[] = {
    // NOLINT(modernize-avoid-c-arrays)
    &store_put_command, &store_get_command,   &store_probe_command,  &store_ls_command,     &store_show_command,
    &store_du_command,  &store_stats_command, &store_rm_command,     &store_pin_command,    &store_unpin_command,
    &store_gc_command,  &store_check_command, &store_import_command, &store_export_command, &store_init_command,
};

/// The user's own store, in their folder for caches, is there from its first use on: a look-up before the first put is a miss.
/// One that was named has to exist: its name may be wrong.
bool is_users_own(const std::string& path) {
  const char* const variable = std::getenv("KVCACHE_STORE");  // NOLINT(concurrency-mt-unsafe): nothing of ours sets variables
  return path.empty() && (variable == nullptr || *variable == '\0');
}

}  // namespace

void add_store(CLI::App& app, StoreOption& option) {
  app.add_option(
         "--store", option.path,
         "The store's folder, or the address of one of several hosts: postgresql://HOST/DB?objects=s3://BUCKET/PREFIX; by "
         "default $KVCACHE_STORE, else the user's folder for caches")
      ->type_name("DIR|URL")
      ->check(not_empty());
}

std::string StoreOption::where() const {
  return path.empty() ? store::default_store() : path;
}

store::Store StoreOption::open(Context& context, bool create) const {
  const std::string place = where();
  create = create || is_users_own(path);
  context.subject = fleet::shown(place);
  store::Store opened = fleet::is_address(place) ? fleet::open(place, remote_of(context), {create, false, false, {}})
                                                 : store::Store::open(place, {create, false});
  context.subject.clear();
  if (!opened.warning().empty()) warn(context, opened.warning());
  return opened;
}

store::Store StoreOption::open_without_index(Context& context) const {
  const std::string place = where();
  if (!fleet::is_address(place)) return store::Store::open_without_index(place);
  return fleet::open(place, remote_of(context), {true, false, true, {}});
}

store::Store open_to_read(Context& context, const std::string& place) {
  if (!fleet::is_address(place)) return store::Store::open(place, {false, false});
  return fleet::open(place, remote_of(context), {false, false, false, {}});
}

void add_prompt(CLI::App& app, PromptOptions& options, bool tokens_required) {
  CLI::Option* tokens =
      app.add_option("--tokens", options.tokens,
                     tokens_required ? "The token ids of the prompt: a JSON list, integers as text, a .npy file, 32-bit "
                                       "integers; - is standard input"
                                     : "The token ids of the cache, as for `get`; by default those of the file's stamp")
          ->type_name("T");
  if (tokens_required) tokens->required();
  app.add_option("--model", options.model,
                 "Whose cache it is: the model's folder, or an id of Hugging Face; config and weights count")
      ->type_name("MODEL");
  app.add_option("--adapter", options.adapter, "The folder of an adapter that the model runs with")->type_name("DIR");
  app.add_option("--identity", options.identity, "Instead of --model: any text that changes with the model")->type_name("TEXT");
  app.add_option("--salt", options.salt, "A secret; without it nothing that was put under it can be found")->type_name("S");
  app.add_option("--media", options.media,
                 "What stands at a token beside its id, and a digest of it: an image's. POS+N: at N tokens from there on")
      ->type_name("POS:DIGEST")
      ->allow_extra_args(false);
}

store::Identity PromptOptions::read_identity(Context& context) const {
  if (model.empty() == identity.empty())
    throw Error(ErrorKind::usage,
                model.empty() ? "it is not given whose cache it is" : "--model and --identity exclude each other",
                "--model DIR names the model's folder, --identity TEXT is any text that changes with the model");
  if (!identity.empty()) {
    if (!adapter.empty())
      throw Error(ErrorKind::usage, "--adapter belongs to --model", "put the adapter into the text of --identity");
    return store::identity_of_text(identity);
  }
  context.subject = model;
  store::Identity found = store::identity_of_model(detail::require_model(model), adapter);
  context.subject.clear();
  return found;
}

std::vector<store::Extra> PromptOptions::extras() const {
  std::vector<store::Extra> out;
  for (const std::string& text : media) {
    const auto bad = [&] {
      return Error(ErrorKind::usage, fmt::format("--media: '{}' is no POS:DIGEST", printable(text)),
                   "--media 5:3f786850e387550f, --media 5+256:3f786850e387550f");
    };
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon + 1 == text.size()) throw bad();
    const std::string place = text.substr(0, colon);
    const std::size_t plus = place.find('+');
    const auto position = parse_integer(place.substr(0, plus), 0, 0x7FFFFFFF);
    const auto length =
        plus == std::string::npos ? std::optional<std::int64_t>(1) : parse_integer(place.substr(plus + 1), 1, 0x7FFFFFFF);
    if (!position || !length) throw bad();
    out.push_back({static_cast<std::uint32_t>(*position), static_cast<std::uint32_t>(*length), text.substr(colon + 1)});
  }
  return out;
}

store::Prompt PromptOptions::read(Context& context) const {
  store::Prompt prompt;
  prompt.identity = read_identity(context);
  prompt.salt = salt;
  prompt.extras = extras();
  prompt.tokens = read_token_ids(context, tokens);
  return prompt;
}

std::string salt_of(const Context& context, const Document& document, std::string given) {
  if (!given.empty()) return given;
  std::string more = foreign::beside_ids(document.cache.metadata);
  if (!more.empty())
    warn(context,
         fmt::format("its prompt holds more than text: that is its salt, and it is found with --salt {}", shell_word(more)));
  return more;
}

store::Entry find_entry(const store::Store& store, const std::string& id) {
  const std::vector<store::Entry> found = store.find(id);
  if (found.size() == 1) return found.front();
  if (found.empty())
    throw Error(ErrorKind::usage, fmt::format("there is no entry {}", printable(id)), "`kvcache store ls` lists them");
  throw Error(ErrorKind::usage, fmt::format("{} entries begin with {}", found.size(), printable(id)),
              fmt::format("give more of it: {}", short_id(found.front().id)));
}

std::string short_id(const std::string& id) {
  return id.substr(0, 12);
}

std::string age_of(store::Time time) {
  using namespace std::chrono;
  return detail::human_age(duration_cast<seconds>(microseconds(detail::system_time() - time)));
}

std::string time_of(store::Time time) {
  return detail::utc_text(time / 1'000'000);
}

Json json_of_entry(const store::Entry& entry) {
  return {{"entry", entry.id},
          {"namespace", entry.space},
          {"label", entry.label.empty() ? Json(nullptr) : Json(entry.label)},
          {"tokens", entry.tokens},
          {"held", entry.held},
          {"pinned", entry.pinned},
          {"format", entry.format.empty() ? Json(nullptr) : Json(entry.format)},
          {"created", time_of(entry.created)},
          {"used", time_of(entry.used)},
          {"hits", entry.hits}};
}

Json json_of_settings(const store::Settings& settings) {
  return {{"max_size", json_of(settings.max_size)},
          {"min_free", json_of(settings.min_free)},
          {"min_free_part", json_of(settings.min_free_part)},
          {"max_age_seconds", settings.max_age ? Json(*settings.max_age / 1'000'000) : Json(nullptr)},
          {"block", json_of(settings.block)},
          {"compress", settings.compress ? "lossless" : "none"}};
}

std::uint64_t write_got(Context& context, store::Got got, const std::optional<Target>& target, const OutputOptions& output,
                        bool checksums, bool durable) {
  Encoded encoded = store::encode_got(got, target);
  if (checksums) {
    StampRequest request;
    request.time = detail::stamp_time();
    request.tool = fmt::format("kvcache {}", version());
    ProgressBar bar(context, "reading");
    request.progress = bar.callback();
    got.cache.metadata.insert_or_assign(std::string(stamp_key), to_json(make_stamp(got.cache, encoded, request)));
    encoded = store::encode_got(got, target);
  }
  for (const std::string& warning : encoded.warnings) warn(context, warning);
  WriteOptions how;
  how.overwrite = output.force;
  how.gzip = output.gzip;
  how.durable = durable;
  ProgressBar bar(context, "writing");
  how.progress = bar.callback();
  std::uint64_t bytes = 0;
  writing(context, output.path, [&] { bytes = write_named(context, output.path, encoded.tensors, encoded.metadata, how); });
  return bytes;
}

namespace {

Action declare_store(CLI::App& app, Context& context) {
  const auto actions = std::make_shared<std::vector<Action>>();
  for (const Command* command : store_command_table) {
    CLI::App* sub = app.add_subcommand(std::string(command->name), std::string(command->summary));
    sub->footer("Examples:\n" + std::string(command->examples));
    sub->group("Commands");
    actions->push_back(command->declare(*sub, context));
  }
  app.require_subcommand(0, 1);
  app.fallthrough();
  return [&app, actions] {
    for (std::size_t i = 0; i < actions->size(); ++i)
      if (app.got_subcommand(std::string(store_command_table[i]->name))) return (*actions)[i]();
    throw Error(ErrorKind::usage, "what to do is not given",
                "`kvcache store --help` lists the commands, `kvcache store put --help` explains one");
  };
}

}  // namespace

const Command store_command = {
    "store",
    Group::making,
    "Keep prompt caches by their tokens: put one once, get its longest prefix",
    "  kvcache store put turn1.safetensors --tokens turn1.json --identity llama --store chats\n"
    "  kvcache store get --tokens prompt.json --identity llama --store chats -o resume.safetensors\n",
    declare_store,
    "A put takes a cache apart into blocks of tokens and stores those that are new; a get finds the longest stored prefix of a "
    "prompt and writes the cache of just that prefix, in any format. What is found is bit for bit what was put, cut to the "
    "tokens that match, or it is a miss that says why.\n\n"
    "Nothing is shared across models, layouts and salts. Any number of processes may work on one store at once, and be killed "
    "at "
    "any moment."};

}  // namespace kvcache::cli
