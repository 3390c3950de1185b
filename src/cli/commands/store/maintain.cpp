// kvcache store init, check and export.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands/store/store.h"
#include "cli/files/output.h"
#include "cli/options/choice.h"
#include "cli/options/numbers.h"
#include "cli/options/quantities.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "kvcache/fleet.h"

namespace kvcache::cli {
namespace {

using store::Store;

struct StoreMaintainArguments {
  StoreOption store;
  std::optional<std::uint64_t> max_size;
  std::string min_free;
  std::optional<std::chrono::seconds> max_age;
  std::optional<std::int64_t> block;
  std::string compress;
  bool data = false;
  bool repair = false;
  bool rebuild = false;
  bool json = false;
  std::string entry;
  std::string to;
  OutputOptions output;
};

void set_min_free(const std::string& text, store::Settings& settings) {
  settings.min_free.reset();
  settings.min_free_part.reset();
  if (text.ends_with('%')) {
    const auto part = parse_integer(text.substr(0, text.size() - 1), 0, 99);
    if (!part)
      throw Error(ErrorKind::usage, fmt::format("--min-free: '{}' is no part of a disk", printable(text)),
                  "--min-free 5%, --min-free 20GB");
    settings.min_free_part = static_cast<double>(*part) / 100;
    return;
  }
  settings.min_free = parse_bytes(text);
  if (!settings.min_free)
    throw Error(ErrorKind::usage, fmt::format("--min-free: '{}' is no size", printable(text)),
                "--min-free 5%, --min-free 20GB");
}

int run_init(Context& context, const StoreMaintainArguments& options) {
  Store made = options.store.open(context, true);
  store::Settings settings = made.index().settings();
  if (options.max_size) settings.max_size = *options.max_size;
  if (!options.min_free.empty()) set_min_free(options.min_free, settings);
  if (options.max_age) settings.max_age = std::chrono::duration_cast<std::chrono::microseconds>(*options.max_age).count();
  if (options.block) {
    if ((*options.block & (*options.block - 1)) != 0)
      throw Error(ErrorKind::usage, fmt::format("--block: {} is no power of two", *options.block), "--block 256");
    settings.block = options.block;
  }
  if (!options.compress.empty()) settings.compress = options.compress == "lossless";
  made.configure(settings);
  if (!context.quiet) say(fmt::format("the store is in {}", shown_path(made.objects().label())));
  if (options.json)
    print_late_json(context, {{"schema", "kvcache.store-init/1"},
                              {"store", made.objects().label()},
                              {"settings", json_of_settings(made.index().settings())}});
  return 0;
}

int run_check(Context& context, const StoreMaintainArguments& options) {
  if (options.rebuild && options.repair)
    throw Error(ErrorKind::usage, "--repair and --rebuild exclude each other", "--rebuild first, where the index is damaged");
  const auto open = [&]() -> Store {
    if (!options.rebuild) return options.store.open(context, false);
    // Of several hosts' a damaged one is the server's to mend, and one that is gone is made.
    if (fleet::is_address(options.store.where())) return options.store.open_without_index(context);
    try {
      return options.store.open(context, true);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::unreadable) throw;
      return options.store.open_without_index(context);
    }
  };
  Store checked = open();
  context.subject.clear();
  const Store::Checked found = options.rebuild ? checked.rebuild() : checked.check(options.data, options.repair);
  const bool changed = options.repair || options.rebuild;
  if (options.json) {
    const Json document = {{"schema", "kvcache.store-check/1"},
                           {"objects", found.objects},
                           {"bytes", found.bytes},
                           {"problems", found.problems},
                           {"leftovers", found.leftovers.size()},
                           {"repaired", found.repaired}};
    changed ? print_late_json(context, document) : print_json(document);
  } else {
    std::string text;
    for (const std::string& problem : found.problems) text += problem + '\n';
    const auto leftovers = found.leftovers.size();
    if (!context.quiet)
      text += fmt::format(
          "{}, {}: {}{}{}\n", count_of(found.objects, "object"), human_bytes(static_cast<double>(found.bytes)),
          found.problems.empty() ? "nothing is wrong" : count_of(found.problems.size(), "problem"),
          found.repaired == 0 ? "" : fmt::format(", {} repaired", found.repaired),
          leftovers == 0 || options.repair
              ? ""
              : fmt::format("; {} of puts that did not end, which `kvcache store gc` removes", count_of(leftovers, "object")));
    changed ? print_late(context, text) : print(text);
  }
  return found.problems.empty() || options.rebuild || found.repaired >= found.problems.size() ? 0 : 1;
}

int run_export(Context& context, const StoreMaintainArguments& options) {
  check_output(options.output, {});
  std::optional<Target> target;
  if (!options.to.empty()) target = find_target(options.to);
  const Store from = options.store.open(context, false);
  store::Got got = from.export_entry(find_entry(from, options.entry).id);
  const store::Match match = got.match;
  const std::uint64_t bytes = write_got(context, std::move(got), target, options.output, true, true);
  if (!context.quiet)
    say(fmt::format("{}; wrote {} ({})", count_of(static_cast<std::uint64_t>(match.resume_at), "token"),
                    shown_output(options.output.path), human_bytes(static_cast<double>(bytes))));
  if (options.output.json)
    print_late_json(context, {{"schema", "kvcache.store-export/1"},
                              {"entry", match.entry},
                              {"output", options.output.path},
                              {"tokens", match.resume_at},
                              {"bytes", bytes}});
  return 0;
}

Action declare_init(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreMaintainArguments>();
  add_bytes(app, "--max-size", options->max_size, "Never keep objects of more than this after a put: 50GB, 10GiB");
  app.add_option("--min-free", options->min_free, "Leave this much of the disk free: 5%, 20GB")
      ->type_name("SIZE")
      ->check(not_empty());
  add_age(app, "--max-age", options->max_age, "Remove what was not used for this long: 12h, 30d");
  add_integer(app, "--block", options->block, 1, 1 << 20,
              "Tokens of a block, a power of two, in namespaces to come; by default chosen by the layout")
      ->type_name("N");
  app.add_option("--compress", options->compress, "Compress rows of objects to come without loss")
      ->check(one_of({"none", "lossless"}))
      ->type_name("none|lossless");
  app.add_flag("--json", options->json, "Print what was done as JSON to standard output");
  add_store(app, options->store);
  return [&context, options] { return run_init(context, *options); };
}

Action declare_check(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreMaintainArguments>();
  app.add_flag("--data", options->data, "Read every object and compare its checksums");
  app.add_flag("--repair", options->repair, "Take out what is damaged or lost, and remove what killed processes have left");
  app.add_flag("--rebuild", options->rebuild, "Make the index anew from the objects");
  app.add_flag("--json", options->json, "What was found, as JSON");
  add_store(app, options->store);
  return [&context, options] { return run_check(context, *options); };
}

Action declare_export(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreMaintainArguments>();
  app.add_option("ENTRY", options->entry, "The beginning of its id, as `ls` shows it")->required();
  app.add_option("--to", options->to, "The format to write; by default that of the file that was put")->type_name("ID");
  add_output_options(app, options->output, false);
  add_store(app, options->store);
  return [&context, options] { return run_export(context, *options); };
}

}  // namespace

const Command store_init_command = {"init", Group::making, "Make a store, or set what it keeps to",
                                    "  kvcache store init --max-size 50GB --min-free 5% --store chats\n"
                                    "  kvcache store init --max-age 30d --compress lossless --store chats\n"
                                    "The first put makes a store as well.",
                                    declare_init};
const Command store_check_command = {"check", Group::making, "Compare the index with the objects, and mend what differs",
                                     "  kvcache store check --data --store chats\n"
                                     "  kvcache store check --rebuild --store chats\n"
                                     "The exit status is 1 when something is wrong.",
                                     declare_check};
const Command store_export_command = {"export", Group::making, "Write the cache of an entry",
                                      "  kvcache store export ENTRY --store chats -o chat.safetensors\n"
                                      "  kvcache store export ENTRY --store chats --to mlx-swift-lm -o chat.safetensors\n",
                                      declare_export};

}  // namespace kvcache::cli
