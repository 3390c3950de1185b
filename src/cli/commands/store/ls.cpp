// kvcache store ls, show, du and stats: what is in a store.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/cli11.h"
#include "cli/commands/store/store.h"
#include "cli/render/table.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

using store::Entry;
using store::Namespace;
using store::Store;

struct StoreLsArguments {
  StoreOption store;
  std::string entry;
  std::string label;
  std::string space;
  bool json = false;
};

std::map<std::string, Namespace> spaces_of(const Store& from) {
  std::map<std::string, Namespace> out;
  for (Namespace& space : from.index().namespaces()) out[space.name] = std::move(space);
  return out;
}

std::string shown_model(const std::map<std::string, Namespace>& spaces, const std::string& name) {
  const auto found = spaces.find(name);
  return found == spaces.end() ? std::string() : printable(found->second.identity.name, 40);
}

std::string shown_tokens(const Entry& entry) {
  return entry.held == entry.tokens ? fmt::to_string(entry.tokens) : fmt::format("{} of {}", entry.held, entry.tokens);
}

int run_store_ls(Context& context, const StoreLsArguments& options) {
  const Store from = options.store.open(context, false);
  const auto spaces = spaces_of(from);
  store::Index::EntryFilter filter;
  if (!options.label.empty()) filter.label = options.label;
  std::vector<Entry> entries = from.index().entries(filter);
  if (!options.space.empty()) std::erase_if(entries, [&](const Entry& one) { return !one.space.starts_with(options.space); });
  if (options.json) {
    Json list = Json::array();
    for (const Entry& entry : entries) {
      Json one = json_of_entry(entry);
      one["model"] = shown_model(spaces, entry.space);
      list.push_back(std::move(one));
    }
    print_json({{"schema", "kvcache.store-ls/1"},
                {"entries", std::move(list)},
                {"totals", {{"entries", entries.size()}, {"bytes", from.index().bytes()}}}});
    return 0;
  }
  using Align = Table::Align;
  Table table({{"entry", Align::left},
               {"tokens", Align::right},
               {"used", Align::right},
               {"hits", Align::right},
               {"", Align::left},
               {"model", Align::left},
               {"label", Align::left}},
              0, Table::Last::as_it_is);
  for (const Entry& entry : entries)
    table.add({short_id(entry.id), shown_tokens(entry), age_of(entry.used), fmt::to_string(entry.hits),
               entry.pinned ? "pinned" : "", shown_model(spaces, entry.space), printable(entry.label, 40)});
  const Style style(context, stdout);
  if (!entries.empty()) print(table.text(style) + '\n');
  const auto count = entries.size();
  print(fmt::format("{}, {} in the store\n", count == 1 ? "1 entry" : fmt::format("{} entries", count),
                    human_bytes(static_cast<double>(from.index().bytes()))));
  return 0;
}

int run_show(Context& context, const StoreLsArguments& options) {
  const Store from = options.store.open(context, false);
  const Entry entry = find_entry(from, options.entry);
  const auto spaces = spaces_of(from);
  const Namespace& space = spaces.at(entry.space);
  const std::vector<store::Node> nodes = from.nodes_of(entry);
  std::uint64_t bytes = 0;
  const auto blocks = static_cast<std::uint64_t>(entry.held / space.block);
  Json objects = Json::array();
  for (const store::Node& node : nodes) {
    for (const store::ObjectInfo& object : node.objects) {
      bytes += object.bytes;
      objects.push_back({{"hash", node.hash},
                         {"group", object.group},
                         {"first", node.first},
                         {"tokens", node.ids.size()},
                         {"bytes", object.bytes}});
    }
  }
  if (options.json) {
    Json document = {{"schema", "kvcache.store-show/1"}};
    document.update(json_of_entry(entry));
    document["model"] = space.identity.name;
    document["model_files"] = space.identity.attributes;
    document["salted"] = space.salted;
    document["block"] = space.block;
    document["blocks"] = blocks;
    document["bytes"] = bytes;
    document["metadata"] = entry.metadata;
    document["layout"] = Json::parse(space.layout);
    document["objects"] = std::move(objects);
    print_json(document);
    return 0;
  }
  const Style style(context, stdout);
  Table table({{""}, {""}});
  table.add({"entry", entry.id});
  if (!entry.label.empty()) table.add({"label", printable(entry.label)});
  table.add({"model", printable(space.identity.name) + (space.salted ? ", with a salt" : "")});
  for (const auto& [name, digest] : space.identity.attributes) table.add({printable(name, 24), printable(digest, 64)});
  table.add({"namespace", space.name});
  table.add(
      {"tokens",
       fmt::format("{}, {} of {}{}", shown_tokens(entry), count_of(blocks, "block"), space.block,
                   !nodes.empty() && nodes.back().tail ? fmt::format(" and a tail of {}", nodes.back().ids.size()) : "")});
  table.add({"objects", fmt::format("{}, {}", objects.size(), human_bytes(static_cast<double>(bytes)))});
  if (!entry.format.empty()) table.add({"format", entry.format});
  table.add({"created", time_of(entry.created)});
  table.add({"used", fmt::format("{}, {}", time_of(entry.used), count_of(entry.hits, "hit"))});
  table.add({"pinned", entry.pinned ? "yes" : "no"});
  for (const auto& [key, value] : entry.metadata) table.add({printable(key, 24), printable(value, 400)});
  print(table.text(style));
  return 0;
}

int run_du(Context& context, const StoreLsArguments& options) {
  const Store from = options.store.open(context, false);
  const auto usage = from.usage();
  Json list = Json::array();
  using Align = Table::Align;
  Table table({{"size", Align::right},
               {"as files", Align::right},
               {"rows", Align::right},
               {"windows", Align::right},
               {"states", Align::right},
               {"dead", Align::right},
               {"entries", Align::right},
               {"model", Align::left}});
  const auto size = [](std::uint64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
  for (const auto& [space, use] : usage) {
    list.push_back({{"namespace", space.name},
                    {"model", space.identity.name},
                    {"salted", space.salted},
                    {"block", space.block},
                    {"bytes", use.objects},
                    {"rows", use.rows},
                    {"windows", use.windows},
                    {"states", use.states},
                    {"dead", use.dead},
                    {"nodes", use.nodes},
                    {"entries", use.entries},
                    {"tokens", use.tokens},
                    {"stored_tokens", use.stored_tokens},
                    {"as_files", use.whole}});
    table.add({size(use.objects), size(use.whole), size(use.rows), size(use.windows), size(use.states), size(use.dead),
               fmt::to_string(use.entries), printable(space.identity.name, 40)});
  }
  if (options.json) {
    print_json(
        {{"schema", "kvcache.store-du/1"}, {"namespaces", std::move(list)}, {"totals", {{"bytes", from.index().bytes()}}}});
    return 0;
  }
  const Style style(context, stdout);
  if (!usage.empty()) print(table.text(style) + '\n');
  print(fmt::format("{} in {}\n", size(from.index().bytes()), shown_path(from.objects().label())));
  return 0;
}

int run_stats(Context& context, const StoreLsArguments& options) {
  const Store from = options.store.open(context, false);
  const auto days = from.index().history();
  if (options.json) {
    Json list = Json::array();
    for (const auto& day : days)
      list.push_back({{"date", day.date},
                      {"asked", day.asked},
                      {"hits", day.hits},
                      {"tokens_asked", day.tokens_asked},
                      {"tokens_found", day.tokens_found}});
    print_json({{"schema", "kvcache.store-stats/1"},
                {"days", std::move(list)},
                {"bytes", from.index().bytes()},
                {"settings", json_of_settings(from.index().settings())}});
    return 0;
  }
  using Align = Table::Align;
  Table table({{"day", Align::left},
               {"gets", Align::right},
               {"hits", Align::right},
               {"tokens asked", Align::right},
               {"found", Align::right},
               {"share", Align::right}});
  for (const auto& day : days)
    table.add({day.date, fmt::to_string(day.asked), fmt::to_string(day.hits), fmt::to_string(day.tokens_asked),
               fmt::to_string(day.tokens_found),
               day.tokens_asked == 0 ? ""
                                     : fmt::format("{:.0f} %", 100.0 * static_cast<double>(day.tokens_found) /
                                                                   static_cast<double>(day.tokens_asked))});
  const Style style(context, stdout);
  print(days.empty() ? "nothing was got yet\n" : table.text(style));
  return 0;
}

template <int (*Run)(Context&, const StoreLsArguments&)>
Action declare_plain(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreLsArguments>();
  app.add_flag("--json", options->json, "Everything, as JSON");
  add_store(app, options->store);
  return [&context, options] { return Run(context, *options); };
}

Action declare_store_ls(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreLsArguments>();
  app.add_option("--label", options->label, "Only entries of this label")->type_name("L");
  app.add_option("--namespace", options->space, "Only of the namespace whose name begins so")->type_name("N");
  app.add_flag("--json", options->json, "Everything, as JSON");
  add_store(app, options->store);
  return [&context, options] { return run_store_ls(context, *options); };
}

Action declare_show(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StoreLsArguments>();
  app.add_option("ENTRY", options->entry, "The beginning of its id, as `ls` shows it")->required();
  app.add_flag("--json", options->json, "Everything, as JSON, its objects as well");
  add_store(app, options->store);
  return [&context, options] { return run_show(context, *options); };
}

}  // namespace

const Command store_ls_command = {"ls", Group::making, "List the entries, the one used last first",
                                  "  kvcache store ls --store chats\n"
                                  "  kvcache store ls --store chats --label chat-7 --json\n",
                                  declare_store_ls};
const Command store_show_command = {"show", Group::making, "Show what is known of an entry",
                                    "  kvcache store show ENTRY --store chats\n"
                                    "  kvcache store show ENTRY --store chats --json\n",
                                    declare_show};
const Command store_du_command = {"du", Group::making, "Show what takes how much, and what sharing saves",
                                  "  kvcache store du --store chats\n"
                                  "  kvcache store du --store chats --json | jq .totals\n",
                                  declare_plain<run_du>};
const Command store_stats_command = {"stats", Group::making, "Show how much of what was asked for was found, day by day",
                                     "  kvcache store stats --store chats\n"
                                     "  kvcache store stats --store chats --json\n",
                                     declare_plain<run_stats>};

}  // namespace kvcache::cli
