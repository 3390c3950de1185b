// mlx-vlm's automatic prefix cache (APC): the row of it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <utility>

#include "foreign/apc_store.h"
#include "foreign/format_rows.h"
#include "foreign/header_fields.h"
#include "foreign/known_ids.h"
#include "foreign/row_tools.h"
#include "foreign/stored_layers.h"
#include "kvcache/caches.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace apc {
namespace {

namespace fs = std::filesystem;

bool owns_folder(const FolderLook& folder) {
  const auto is_ours = [](const std::string& name) {
    const ApcName kind = apc_name(name);
    return kind == ApcName::shard || kind == ApcName::exact || kind == ApcName::temporary;
  };
  return std::ranges::any_of(folder.files, is_ours);
}

bool owns_file(const FileLook& file) {
  return file.header != nullptr && apc_layout(*file.header).has_value();
}

std::vector<Item> items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  for (const std::string& name : files_in(place.path)) {
    Item::Kind kind = Item::Kind::entry;
    if (apc_name(name) == ApcName::temporary) kind = Item::Kind::temporary;
    if (apc_name(name) == ApcName::other) kind = Item::Kind::other;
    out.push_back({place.path + "/" + name, kind});
  }
  return out;
}

std::string name_of_folder(const std::string& path) {
  return fs::path(path).parent_path().filename().string();
}

void describe_shard(const ApcShard& shard, Entry& entry) {
  entry.whole_cache = false;
  entry.verdict = "part of a paged cache";
  entry.version = shard.layout;
  entry.tokens = static_cast<std::int64_t>(shard.blocks.size()) * shard.block_size;
  entry.settings = {
      {"namespace", entry.model}, {"block size", std::to_string(shard.block_size)}, {"layers", std::to_string(shard.layers)}};
  if (std::ranges::any_of(shard.blocks, [](const ApcBlock& block) { return !block.rule; }))
    entry.verdict = "the tokens of a block are not those of its hash";
}

Entry look(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    // The folder is all that names the model, with what a file system may not like replaced.
    entry.model = name_of_folder(item.path);
    SafetensorsFile file = SafetensorsFile::open(item.path);
    const std::string layout = apc_layout(file.header()).value_or("");
    if (!is_apc_exact(layout)) {
      describe_shard(read_apc_shard(std::move(file)), entry);
      return;
    }
    const ApcExact exact = read_apc_exact(std::move(file));
    entry.version = layout;
    entry.tokens = static_cast<std::int64_t>(exact.ids.size());
    entry.settings = {{"namespace", entry.model}, {"layers", std::to_string(exact.entries)}};
  });
}

void check_shard(const std::string& path, const ApcShard& shard, Report& report) {
  std::vector<std::int64_t> hashes;
  for (std::size_t i = 0; i < shard.blocks.size(); ++i) {
    const ApcBlock& block = shard.blocks[i];
    hashes.push_back(block.hash);
    if (!block.rule)
      add_finding(
          report, "KV904",
          fmt::format("block {} says that its {} tokens have the hash {}, and by neither rule of mlx-vlm they have: a prompt "
                      "that leads here is missed as a whole",
                      i, block.ids.size(), block.hash));
  }
  const std::string stem = fs::path(path).stem().string();
  if (stem.starts_with("shard_") && stem != apc_shard_stem(hashes))
    add_finding(report, "KV901",
                fmt::format("the name is not that of its {} blocks, which is {}", hashes.size(), apc_shard_stem(hashes)));
  for (std::int64_t layer = 0; layer < shard.layers; ++layer) {
    const Tensor keys = shard.keys(layer, shard.blocks.size() - 1);
    const Tensor values = shard.values(layer, shard.blocks.size() - 1);
    static_cast<void>(plain_layer({fmt::format("layer {}", layer)}, keys, values, shard.block_size));
  }
}

/// Every layer that counts tokens has those of the file. Recurrent state counts none.
void check_offsets(const Cache& cache, const std::string& where, std::int64_t tokens, Report& report) {
  if (const auto* list = as<CacheList>(cache)) {
    for (std::size_t i = 0; i < list->children().size(); ++i)
      check_offsets(*list->children()[i], fmt::format("{} child {}", where, i), tokens, report);
    return;
  }
  const std::optional<std::int64_t> offset = cache.facts().tokens;
  if (offset && !cache.empty() && *offset != tokens)
    add_finding(report, "KV908", fmt::format("it holds {} tokens, and the file {}", *offset, tokens), where);
}

void check_exact(const std::string& path, const ApcExact& exact, Report& report) {
  const std::string stem = fs::path(path).stem().string();
  if (stem.starts_with("exact_") && stem != apc_exact_stem(exact.cache_hash))
    add_finding(report, "KV901",
                fmt::format("the name is not that of its hash, which is {}", apc_exact_stem(exact.cache_hash)));
  if (!exact.block_size)
    add_finding(
        report, "KV942",
        fmt::format("its {} token ids have not the hash {} with any usual block size: either one was changed, or its server "
                    "uses another block size. mlx-vlm does not check it",
                    exact.ids.size(), exact.cache_hash));
  std::size_t tuples = 0;
  const std::vector<std::unique_ptr<Cache>> layers = exact.layers(&tuples);
  for (std::size_t i = 0; i < layers.size(); ++i)
    check_offsets(*layers[i], fmt::format("layer {}", i), static_cast<std::int64_t>(exact.ids.size()), report);
}

Report check(const Place&, const Item& item) {
  if (item.kind == Item::Kind::other)
    return checked(item.path, [&](Report& report) {
      if (item.path.ends_with(".safetensors"))
        add_finding(report, "KV940",
                    "mlx-vlm deletes every .safetensors of this folder that is none of its own when it starts");
    });
  if (item.kind == Item::Kind::temporary) return checked(item.path, add_temporary);
  return checked(item.path, [&](Report& report) {
    SafetensorsFile file = SafetensorsFile::open(item.path);
    const std::optional<std::string> layout = apc_layout(file.header());
    if (!layout) throw Error(ErrorKind::unreadable, "its metadata are not those of its name");
    if (is_apc_exact(*layout))
      check_exact(item.path, read_apc_exact(std::move(file)), report);
    else
      check_shard(item.path, read_apc_shard(std::move(file)), report);
  });
}

/// Blocks whose parent is in no file: no prompt leads to them.
std::vector<Report> check_place(const Place& place, std::span<const Item>) {
  if (place.is_file) return {};
  const ApcStore store(place.path, {});
  std::vector<Report> out;
  for (const auto& [shard, blocks] : store.unreachable()) {
    Report report;
    report.path = store.shards[shard].path;
    add_finding(report, "KV905",
                fmt::format("{} of its {} blocks go on from a block that is in no file here, so that no prompt leads to them",
                            blocks, store.shards[shard].blocks));
    out.push_back(std::move(report));
  }
  return out;
}

void add_ids(Restored& out, std::span<const std::int32_t> ids, std::int64_t tokens) {
  out.ids.assign(ids.begin(), ids.begin() + tokens);
}

void note_tuples(std::size_t tuples, Restored& out) {
  if (tuples > 0)
    out.losses.push_back(fmt::format("{} of caches became {}: no other runtime has tuples of them",
                                     tuples == 1 ? "a tuple" : fmt::format("{} tuples", tuples),
                                     tuples == 1 ? "a list" : "lists"));
}

Restored restore_file(const Place& place, const Query& query) {
  Restored out;
  out.entry = place.path;
  SafetensorsFile file = SafetensorsFile::open(place.path);
  if (!is_apc_exact(apc_layout(file.header()).value_or(""))) {
    out.outcome = Restored::Outcome::refused;
    out.why = "a shard holds blocks of one or of several prompts";
    out.remedy =
        Remedy(Remedy::Action::convert, {{"file", fs::path(place.path).parent_path().string()}, {"tokens", "ids.json"}}) +
        " takes what a prompt needs from all of them";
    return out;
  }
  const ApcExact exact = read_apc_exact(std::move(file));
  const auto [mine, theirs] = std::ranges::mismatch(query.tokens, exact.ids);
  if (!query.tokens.empty() && theirs != exact.ids.end()) {
    out.why = fmt::format("these are not the tokens of this cache: number {} is another one", theirs - exact.ids.begin() + 1);
    return out;
  }
  std::size_t tuples = 0;
  out.cache.layers = exact.layers(&tuples);
  out.ids = exact.ids;
  note_tuples(tuples, out);
  if (exact.extra != 0) {
    out.cache.metadata[std::string(apc_images_key)] = std::to_string(exact.extra);
    out.notes.emplace_back("its prompt holds more than text (images): the ids alone do not say which");
  }
  if (!exact.block_size) out.notes.emplace_back("its hash does not prove its ids");
  out.outcome = Restored::Outcome::restored;
  return out;
}

void note_extra(const ApcStore& store, const ApcStore::Match& match, Restored& out) {
  std::int64_t extra = match.exact ? store.exacts[*match.exact].extra : 0;
  for (const ApcStore::Block& block : match.exact ? std::vector<ApcStore::Block>{} : match.chain)
    if (block.extra != 0) extra = block.extra;
  if (extra == 0) return;
  out.cache.metadata[std::string(apc_images_key)] = std::to_string(extra);
  out.notes.emplace_back("its prompt holds more than text (images): the ids alone do not say which");
}

std::string why_missed(const ApcStore& store, const ApcStore::Match& match) {
  if (match.same)
    return fmt::format("{} is the cache of exactly these tokens, and mlx-vlm uses only one that is shorter than the prompt",
                       printable(store.exacts[*match.same].path, 500));
  if (!match.stopped.empty()) return match.stopped;
  std::int64_t longest = 0;
  for (const ApcStore::Exact& exact : store.exacts) longest = std::max(longest, exact.common);
  if (longest > 0)
    return fmt::format("no block and no cache of these tokens: the nearest cache differs from token {} on", longest + 1);
  if (store.shards.empty() && store.exacts.empty()) return "no file here can be read";
  return "no chain of blocks and no cache here begins as these tokens do";
}

Restored restore_from(const Place& place, const Query& query) {
  if (place.is_file) return restore_file(place, query);
  Restored out;
  const std::string name = fs::path(place.path).lexically_normal().filename().string();
  // Names are cut: of a long one the end is missing.
  constexpr std::size_t longest_name = 128;
  if (!query.model_name.empty() && !name.starts_with(apc_namespace_prefix(query.model_name).substr(0, longest_name))) {
    out.why = fmt::format("the folder {} is not that of {}", printable(name), printable(query.model_name));
    return out;
  }
  const ApcStore store(place.path, query.tokens);
  const ApcStore::Match match = store.match();
  const std::int64_t block_size = store.shards.empty() ? 0 : store.shards.front().block_size;
  out.block_size = block_size;
  if (block_size > 0) out.blocks_wanted = static_cast<std::int64_t>(query.tokens.size()) / block_size;
  out.blocks_present = static_cast<std::int64_t>(match.chain.size());
  out.stopped_by = match.stopped;
  if (match.tokens == 0) {
    out.why = why_missed(store, match);
    if (match.same) out.remedy = Remedy(Remedy::Action::convert, {{"file", store.exacts[*match.same].path}});
    return out;
  }
  out.entry = match.exact ? store.exacts[*match.exact].path : store.shards[match.chain.back().shard].path;
  std::size_t tuples = 0;
  out.cache.layers = store.restore(match, &tuples);
  note_tuples(tuples, out);
  add_ids(out, query.tokens, match.tokens);
  note_extra(store, match, out);
  if (match.server_misses && !match.exact)
    out.notes.push_back(fmt::format("mlx-vlm itself uses nothing of this prompt, because {}", match.stopped));
  if (match.exact && !store.exacts[*match.exact].proven) out.notes.emplace_back("its hash does not prove its ids");
  out.outcome = Restored::Outcome::restored;
  return out;
}

std::vector<Prompt> prompts(const Place& place) {
  std::vector<Prompt> out;
  if (place.is_file) return {{fs::path(place.path).stem().string(), place.path, 0}};
  const ApcStore store(place.path, {});
  for (const ApcStore::Exact& exact : store.exacts)
    out.push_back({fs::path(exact.path).stem().string(), exact.path, exact.tokens});
  for (const ApcStore::Chain& chain : store.chains())
    out.push_back(
        {fmt::format("chain_{:016x}", static_cast<std::uint64_t>(chain.last)), store.shards[chain.shard].path, chain.tokens});
  return out;
}

Restored restore_prompt(const Place& place, const Prompt& prompt, const Query& query) {
  if (place.is_file || prompt.name.starts_with("exact_")) {
    Query whole = query;
    whole.tokens.clear();
    return restore_file({place.format, prompt.path, true}, whole);
  }
  Query longer = query;
  std::uint64_t last = 0;
  const std::string_view digits = std::string_view(prompt.name).substr(prompt.name.find('_') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), last, 16);
  longer.tokens = ApcStore(place.path, {}).ids_of_chain(static_cast<std::int64_t>(last));
  return restore_from(place, longer);
}

}  // namespace
}  // namespace apc

const Format apc_format = {"mlx-vlm-apc",
                           "mlx-vlm automatic prefix cache",
                           "layer_major_v1, layer_major_v2, token_major_v2, exact_cache_v1",
                           apc::owns_folder,
                           apc::owns_file,
                           apc::items,
                           apc::look,
                           apc::check,
                           apc::check_place,
                           apc::restore_from,
                           apc::prompts,
                           apc::restore_prompt};

}  // namespace kvcache::foreign
