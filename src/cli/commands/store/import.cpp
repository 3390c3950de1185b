// kvcache store import: entries of another store, stamped caches, and prompts of other projects' folders.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "catalog/find_files.h"
#include "catalog/foreign_places.h"
#include "cli/cli11.h"
#include "cli/commands/store/store.h"
#include "cli/files/import_folder.h"
#include "cli/files/list_named.h"
#include "cli/files/open.h"
#include "cli/options/numbers.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "documents/hint.h"
#include "foreign/known_ids.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/fleet.h"
#include "model/find_model.h"

namespace kvcache::cli {
namespace {

using store::Store;

struct StoreImportArguments {
  StoreOption store;
  PromptOptions prompt;
  std::string model_name;
  std::optional<std::int64_t> block_size;
  std::string label;
  bool json = false;
  std::vector<std::string> folders;
};

/// Takes over one thing after another. What fails is said, and the rest goes on; a store or a disk that fails ends it.
class Importing {
 public:
  Importing(Context& context, const StoreImportArguments& options)
      : context_(context), options_(options), into_(options.store.open(context, true)) {
    if (!options.prompt.tokens.empty()) tokens_ = read_token_ids(context, options.prompt.tokens);
  }

  int run() {
    for (const std::string& folder : options_.folders) take(folder);
    context_.subject.clear();
    report();
    return code_;
  }

 private:
  void take(const std::string& folder) {
    context_.subject = fleet::shown(folder);
    std::error_code error;
    const bool elsewhere = detail::is_remote_name(folder) && !fleet::is_address(folder);
    if (!elsewhere && (fleet::is_address(folder) || std::filesystem::exists(folder + "/FORMAT", error))) {
      const Store::Imported imported = into_.import(open_to_read(context_, folder));
      entries_ += imported.entries;
      known_ += imported.known;
      bytes_ += imported.bytes;
      return;
    }
    if (!identity_) identity_ = options_.prompt.read_identity(context_);
    context_.subject = folder;
    if (elsewhere) {
      if (!is_remote_folder(folder)) return take_file(folder);
      for (const catalog::ListedFile& file : find_remote(context_, folder)) take_file(file.path);
      return;
    }
    if (!std::filesystem::exists(folder, error)) throw Error(ErrorKind::io, "there is no such file or folder");
    const std::vector<foreign::Place> places = places_at(folder);
    for (const foreign::Place& place : places) take_place(place);
    // The caches that lie beside them, as their users keep them.
    if (!std::filesystem::is_directory(folder, error)) {
      if (places.empty()) take_file(folder);
      return;
    }
    for (const catalog::Found& file : catalog::find_files(folder, {}, catalog::foreign_places(folder).folders)) {
      if (file.error.empty() && std::ranges::none_of(places, [&](const foreign::Place& one) { return one.path == file.path; }))
        take_file(file.path);
      if (!file.error.empty()) failed(file.path, Error(ErrorKind::io, file.error));
    }
  }

  void failed(const std::string& path, const Error& failure) {
    warn(context_, fmt::format("{}: {}", shown_path(path), failure.what()));
    if (!failure.remedy().empty() && !context_.quiet) say("hint: " + documents::hint_of(failure.remedy(), path));
    code_ = std::max(code_, exit_code(failure.kind()));
  }

  void take_file(const std::string& file) {
    context_.subject = file;
    std::optional<Document> document;
    try {
      document = read_sound_named(context_, file);
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::interrupted) throw;
      failed(file, failure);
      return;
    }
    std::optional<store::TokenIds> ids;
    try {
      ids = foreign::known_ids(document->cache, file);
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::interrupted) throw;
      failed(file, failure);
      return;
    }
    if (!ids) {
      ++skipped_;
      return;
    }
    put(file, *document, *std::move(ids), options_.prompt.extras());
  }

  void take_place(const foreign::Place& place) {
    context_.subject = place.path;
    foreign::Query query;
    query.model_name = options_.model_name;
    query.block_size = options_.block_size.value_or(0);
    if (!options_.prompt.model.empty()) query.model_folder = detail::require_model(options_.prompt.model);
    if (!tokens_.empty()) {
      query.tokens = tokens_;
      put_restored(place.path, foreign::restore(place, query), place);
      return;
    }
    std::vector<foreign::Prompt> prompts;
    try {
      prompts = foreign::known_prompts(place);
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::interrupted) throw;
      failed(place.path, failure);
      return;
    }
    if (prompts.empty()) {
      failed(place.path, Error(ErrorKind::usage, fmt::format("{}: it does not say which tokens it holds", place.format->title),
                               "--tokens T, with the ids of a prompt"));
      return;
    }
    for (const foreign::Prompt& prompt : prompts) {
      try {
        put_restored(prompt.path, foreign::restore_known(place, prompt, query), place);
      } catch (const Error& failure) {
        if (failure.kind() == ErrorKind::interrupted) throw;
        failed(prompt.path, failure);
      }
    }
  }

  void put_restored(const std::string& path, foreign::Restored found, const foreign::Place& place) {
    if (found.outcome != foreign::Restored::Outcome::restored) {
      failed(path, Error(found.outcome == foreign::Restored::Outcome::miss ? ErrorKind::usage : ErrorKind::impossible,
                         found.why, found.remedy));
      return;
    }
    for (const std::string& loss : found.losses) {
      warn(context_, fmt::format("{}: {}", shown_path(path), loss));
      losses_.push_back({{"path", path}, {"loss", loss}});
    }
    if (!context_.quiet)
      for (const std::string& note : found.notes) say(fmt::format("{} ({}): {}", shown_path(path), place.format->title, note));
    Document document;
    document.cache = std::move(found.cache);
    put(path, document, std::move(found.ids), options_.prompt.extras());
  }

  void put(const std::string& path, const Document& document, store::TokenIds ids, std::vector<store::Extra> extras) {
    try {
      store::PutOptions how;
      how.label = options_.label;
      std::string salt = options_.prompt.salt;
      if (extras.empty()) salt = salt_of(context_, document, std::move(salt));
      const store::Put done = into_.put(document, {std::move(ids), *identity_, std::move(salt), std::move(extras)}, how);
      ++entries_;
      bytes_ += done.bytes;
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::interrupted || failure.kind() == ErrorKind::io) throw;
      failed(path, failure);
    }
  }

  void report() {
    if (skipped_ > 0)
      warn(context_,
           fmt::format("{} without token ids in their stamps were left out: `kvcache stamp FILE --tokens T` stores them",
                       count_of(skipped_, "cache")));
    if (!context_.quiet)
      say(fmt::format("imported {}{}, {}", entries_ == 1 ? "1 entry" : fmt::format("{} entries", entries_),
                      known_ == 0   ? ""
                      : known_ == 1 ? " (1 was known)"
                                    : fmt::format(" ({} were known)", known_),
                      human_bytes(static_cast<double>(bytes_))));
    if (options_.json)
      print_late_json(context_, {{"schema", "kvcache.store-import/1"},
                                 {"entries", entries_},
                                 {"known", known_},
                                 {"skipped", skipped_},
                                 {"losses", losses_},
                                 {"bytes", bytes_}});
  }

  Context& context_;
  const StoreImportArguments& options_;
  Store into_;
  store::TokenIds tokens_;
  std::optional<store::Identity> identity_;
  std::uint64_t entries_ = 0;
  std::uint64_t known_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t skipped_ = 0;
  Json losses_ = Json::array();
  int code_ = 0;
};

Action declare_store_import(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreImportArguments>();
  app.add_option("FOLDER", options->folders,
                 "Another store; a folder of caches whose stamps have their token ids; a server's folder (`kvcache formats`)")
      ->required();
  add_prompt(app, options->prompt, false);
  app.get_option("--tokens")->description("Of a server's folder: the prompt to look for; by default all whose tokens it knows");
  app.add_option("--model-name", options->model_name, "Of a server's folder: the model's name as it was served")
      ->type_name("NAME")
      ->check(not_empty());
  add_integer(app, "--block-size", options->block_size, 1, std::int64_t{1} << 31,
              "Of a server's folder: tokens of a block; as its blocks say by default")
      ->type_name("N");
  app.add_option("--label", options->label, "A word to find what is taken over by; entries of another store keep theirs")
      ->type_name("L");
  app.add_flag("--json", options->json, "Print what was done as JSON to standard output");
  add_store(app, options->store);
  return [&context, options] { return Importing(context, *options).run(); };
}

}  // namespace

const Command store_import_command = {"import", Group::making, "Take over another store, stamped caches, or a server's folder",
                                      "  kvcache store import /mnt/usb/chats --store chats\n"
                                      "  kvcache store import stamped-caches --identity llama --store chats\n"
                                      "  kvcache store import ~/.omlx/cache --tokens ids.json --identity llama --store chats\n",
                                      declare_store_import};

}  // namespace kvcache::cli
