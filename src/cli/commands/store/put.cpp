// kvcache store put: store what of a cache is not there yet.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands/store/store.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/files/read_inputs.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/words.h"
#include "foreign/known_ids.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

struct StorePutArguments {
  StoreOption store;
  PromptOptions prompt;
  std::vector<std::string> files;
  std::string label;
  bool pin = false;
  bool check = false;
  bool json = false;
};

store::TokenIds ids_of(const Document& document, const std::string& file) {
  auto ids = foreign::known_ids(document.cache, file);
  if (!ids)
    throw Error(ErrorKind::usage, "no token ids: the file has no stamp with them",
                "--tokens T gives them; `kvcache stamp FILE --tokens T` stores them in the file");
  return *std::move(ids);
}

Json put_one(Context& context, const StorePutArguments& options, store::Store& into, store::Prompt prompt,
             const std::string& file) {
  context.subject = file;
  const Document document = read_sound_named(context, file);
  if (options.prompt.tokens.empty()) prompt.tokens = ids_of(document, file);
  if (prompt.extras.empty()) prompt.salt = salt_of(context, document, std::move(prompt.salt));
  store::PutOptions how;
  how.label = options.label;
  how.pin = options.pin;
  how.check = options.check;
  store::Put put;
  {
    const WriteGuard guard;
    put = into.put(document, prompt, how);
  }
  end_of_one_output();
  for (const std::string& warning : put.warnings) warn(context, warning);
  if (put.differs)
    warn(context,
         "what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back");
  if (!context.quiet)
    say(fmt::format("{} as entry {}: {} new of {}, wrote {}{}", count_of(static_cast<std::uint64_t>(put.entry.tokens), "token"),
                    short_id(put.entry.id), put.new_blocks, count_of(put.blocks, "block"),
                    human_bytes(static_cast<double>(put.bytes)),
                    put.evicted == 0 ? "" : fmt::format(", evicted {}", human_bytes(static_cast<double>(put.evicted)))));
  Json out = json_of_entry(put.entry);
  out["path"] = file;
  out["block"] = put.block;
  out["blocks"] = put.blocks;
  out["new_blocks"] = put.new_blocks;
  out["objects"] = put.objects;
  out["bytes"] = put.bytes;
  out["evicted"] = put.evicted;
  out["differs"] = put.differs;
  return out;
}

int run_store_put(Context& context, const StorePutArguments& options) {
  if (options.files.size() > 1 && !options.prompt.tokens.empty())
    throw Error(ErrorKind::usage, "--tokens is of one file", "several files have their token ids in their stamps");
  check_inputs(options.files);
  store::Prompt prompt;
  if (options.prompt.tokens.empty()) {
    prompt.identity = options.prompt.read_identity(context);
    prompt.salt = options.prompt.salt;
    prompt.extras = options.prompt.extras();
  } else {
    prompt = options.prompt.read(context);
  }
  store::Store into = options.store.open(context, true);
  Json puts = Json::array();
  for (const std::string& file : options.files) puts.push_back(put_one(context, options, into, prompt, file));
  context.subject.clear();
  if (options.json) print_late_json(context, {{"schema", "kvcache.store-put/1"}, {"puts", std::move(puts)}});
  return 0;
}

Action declare_store_put(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StorePutArguments>();
  app.add_option("FILE", options->files, "The cache of a prompt, of one sequence; - is standard input")->required();
  add_prompt(app, options->prompt, false);
  app.add_option("--label", options->label, "A word to find it by: the conversation's")->type_name("L");
  app.add_flag("--pin", options->pin, "Never evict it");
  app.add_flag("--check", options->check,
               "Compare what is stored of these tokens already; a cache that differs is stored apart");
  app.add_flag("--json", options->json, "Print what was done as JSON to standard output");
  add_store(app, options->store);
  return [&context, options] { return run_store_put(context, *options); };
}

}  // namespace

const Command store_put_command = {
    "put", Group::making, "Store a cache: its new blocks, its tail and its states",
    "  kvcache store put turn1.safetensors --tokens turn1.json --identity llama --label chat-7 --store chats\n"
    "  kvcache store put turn2.safetensors --tokens turn2.json --identity llama --label chat-7 --store chats\n",
    declare_store_put};

}  // namespace kvcache::cli
