// kvcache store rm, pin, unpin and gc: what may go, and what stays.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "cli/cli11.h"
#include "cli/commands/store/store.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/options/quantities.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "platform/folder.h"

namespace kvcache::cli {
namespace {

using store::Entry;
using store::Store;

struct StoreRmArguments {
  StoreOption store;
  std::vector<std::string> entries;
  std::string label;
  std::string prefix;
  std::string space;
  std::optional<std::chrono::seconds> older_than;
  bool all = false;
  bool purge = false;
  bool json = false;
  std::optional<std::uint64_t> to;
};

bool begins_with(const Store& from, const Entry& entry, const store::TokenIds& prefix) {
  std::vector<store::TokenIds> parts;
  for (store::Digest hash = entry.node;;) {
    auto found = from.index().path({&hash, 1});
    if (found.empty()) break;
    hash = found.front().parent;
    parts.push_back(std::move(found.front().ids));
  }
  std::size_t at = 0;
  for (auto part = parts.rbegin(); part != parts.rend() && at < prefix.size(); ++part)
    for (const std::int32_t id : *part) {
      if (at == prefix.size()) break;
      if (prefix[at++] != id) return false;
    }
  return at == prefix.size();
}

std::vector<Entry> chosen(Context& context, const Store& from, const StoreRmArguments& options) {
  std::vector<Entry> out;
  if (!options.entries.empty()) {
    for (const std::string& id : options.entries) out.push_back(find_entry(from, id));
    return out;
  }
  store::TokenIds prefix;
  if (!options.prefix.empty()) prefix = read_token_ids(context, options.prefix);
  using namespace std::chrono;
  const std::int64_t now = detail::system_time();
  for (Entry& entry : from.index().entries({})) {
    if (!options.label.empty() && entry.label != options.label) continue;
    if (!options.space.empty() && !entry.space.starts_with(options.space)) continue;
    if (options.older_than && entry.used > now - duration_cast<microseconds>(*options.older_than).count()) continue;
    if (!prefix.empty() && !begins_with(from, entry, prefix)) continue;
    out.push_back(std::move(entry));
  }
  return out;
}

std::string entries_text(std::size_t n) {
  return n == 1 ? "1 entry" : fmt::format("{} entries", n);
}

int run_rm(Context& context, const StoreRmArguments& options) {
  const bool selected = !options.label.empty() || !options.prefix.empty() || !options.space.empty() || options.older_than;
  if (int{!options.entries.empty()} + int{selected} + int{options.all} != 1)
    throw Error(ErrorKind::usage,
                options.entries.empty() && !selected && !options.all ? "which entries is not given"
                                                                     : "entries, selections and --all exclude each other",
                "ENTRY, or --label L, --prefix T, --namespace N, --older-than 30d (of several all have to hold), or --all");
  Store from = options.store.open(context, false);
  const std::vector<Entry> entries = chosen(context, from, options);
  std::vector<std::string> ids;
  std::vector<std::string> pinned;
  for (const Entry& entry : entries) {
    // Named one by one it is meant; swept along it may be not.
    if (entry.pinned && options.entries.empty()) {
      pinned.push_back(short_id(entry.id));
    } else {
      ids.push_back(entry.id);
    }
  }
  const std::uint64_t bytes = ids.empty() ? 0 : from.remove(ids);
  std::uint64_t waiting = from.objects().sweep();
  if (options.purge) {
    // What was removed is not to be found in the index's log either, nor in what others left behind.
    from.collect();
    from.index().compact();
    waiting = from.objects().purge();
  }
  for (const std::string& id : pinned)
    warn(context, fmt::format("entry {} is pinned and stays: `kvcache store unpin {}` first", id, id));
  if (options.purge && waiting > 0)
    warn(context, fmt::format("{} are still being read: `kvcache store gc` removes them when the readers have ended",
                              human_bytes(static_cast<double>(waiting))));
  if (!context.quiet) say(fmt::format("removed {}, {}", entries_text(ids.size()), human_bytes(static_cast<double>(bytes))));
  if (options.json)
    print_late_json(context, {{"schema", "kvcache.store-rm/1"},
                              {"removed", ids},
                              {"pinned", pinned.size()},
                              {"bytes", bytes},
                              {"waiting", waiting}});
  return 0;
}

template <bool Pinned>
int run_pin(Context& context, const StoreRmArguments& options) {
  Store from = options.store.open(context, false);
  std::vector<Entry> entries;
  for (const std::string& id : options.entries) entries.push_back(find_entry(from, id));
  for (const Entry& entry : entries) from.pin(entry.id, Pinned);
  if (!context.quiet) say(fmt::format("{} {}", Pinned ? "pinned" : "unpinned", entries_text(entries.size())));
  if (options.json) {
    Json list = Json::array();
    for (const Entry& entry : entries) list.push_back(json_of_entry(find_entry(from, entry.id)));
    print_late_json(context,
                    {{"schema", Pinned ? "kvcache.store-pin/1" : "kvcache.store-unpin/1"}, {"entries", std::move(list)}});
  }
  return 0;
}

int run_gc(Context& context, const StoreRmArguments& options) {
  Store from = options.store.open(context, false);
  const std::uint64_t bytes = from.collect(options.to);
  from.index().compact();
  const std::uint64_t left = from.index().bytes();
  if (!context.quiet)
    say(fmt::format("evicted {}, {} left", human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(left))));
  if (options.json) print_late_json(context, {{"schema", "kvcache.store-gc/1"}, {"evicted", bytes}, {"bytes", left}});
  return 0;
}

Action declare_rm(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreRmArguments>();
  app.add_option("ENTRY", options->entries, "The beginnings of their ids, as `ls` shows them");
  app.add_option("--label", options->label, "Entries of this label")->type_name("L");
  app.add_option("--prefix", options->prefix, "Entries whose tokens begin with these, as for --tokens of `get`")
      ->type_name("T");
  app.add_option("--namespace", options->space, "Entries of the namespace whose name begins so")->type_name("N");
  add_age(app, "--older-than", options->older_than, "Entries not used for this long: 90min, 12h, 30d, 4w");
  app.add_flag("--all", options->all, "All entries");
  app.add_flag("--purge", options->purge, "Also free at once what eviction and killed processes have left");
  app.add_flag("--json", options->json, "Print what was done as JSON to standard output");
  add_store(app, options->store);
  return [&context, options] { return run_rm(context, *options); };
}

template <bool Pinned>
Action declare_pin(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreRmArguments>();
  app.add_option("ENTRY", options->entries, "The beginnings of their ids, as `ls` shows them")->required();
  app.add_flag("--json", options->json, "Print what was done as JSON to standard output");
  add_store(app, options->store);
  return [&context, options] { return run_pin<Pinned>(context, *options); };
}

Action declare_gc(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreRmArguments>();
  add_bytes(app, "--to", options->to, "Evict until no more is left than this: 500MB, 10GiB");
  app.add_flag("--json", options->json, "Print what was done as JSON to standard output");
  add_store(app, options->store);
  return [&context, options] { return run_gc(context, *options); };
}

}  // namespace

const Command store_rm_command = {"rm", Group::making, "Remove entries, and all bytes that no other entry shares",
                                  "  kvcache store rm --label chat-7 --purge --store chats\n"
                                  "  kvcache store rm --older-than 30d --store chats\n"
                                  "Pinned entries are removed only when they are named.",
                                  declare_rm};
const Command store_pin_command = {"pin", Group::making, "Never evict these entries",
                                   "  kvcache store pin ENTRY --store chats\n"
                                   "  kvcache store pin ENTRY ENTRY --store chats\n",
                                   declare_pin<true>};
const Command store_unpin_command = {"unpin", Group::making, "Let these entries be evicted again",
                                     "  kvcache store unpin ENTRY --store chats\n"
                                     "  kvcache store unpin ENTRY ENTRY --store chats\n",
                                     declare_pin<false>};
const Command store_gc_command = {"gc", Group::making, "Evict what the limits ask for, and free what was left behind",
                                  "  kvcache store gc --store chats\n"
                                  "  kvcache store gc --to 10GB --store chats\n",
                                  declare_gc};

}  // namespace kvcache::cli
