// omlx' folder of blocks, as a row of the table of formats.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "foreign/format_rows.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/omlx/block_hash.h"
#include "foreign/omlx/chain.h"
#include "foreign/omlx/folder.h"
#include "foreign/omlx/tokens_file.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "kvcache/printable.h"
#include "platform/in_order.h"

namespace kvcache::foreign {
namespace omlx_row {
namespace {

namespace fs = std::filesystem;
using namespace omlx;

std::string stem_of(const std::string& path) {
  return fs::path(path).stem().string();
}

bool is_gdn(const Metadata& metadata) {
  return find_metadata(metadata, "gdn_sidecar_format_version") != nullptr && find_metadata(metadata, "layer_info") != nullptr;
}

Role role_in(const Place& place, const std::string& path) {
  if (place.is_file) {
    const std::optional<Header> header = header_of_damaged(path);
    return header && is_gdn(header->metadata) ? Role::gdn : Role::block;
  }
  return role_of(std::string_view(path).substr(place.path.size() + 1));
}

bool owns_file(const FileLook& file) {
  if (file.header == nullptr) return false;
  const Metadata& metadata = file.header->metadata;
  return is_gdn(metadata) ||
         (find_metadata(metadata, "block_hash") != nullptr && find_metadata(metadata, "layer_cache_types") != nullptr);
}

std::vector<Item> items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  return items_in(place.path);
}

/// "41 layers: 30 ArraysCache, 11 KVCache"
std::string layers_in_words(const BlockFacts& facts) {
  std::map<std::string, std::size_t> classes;
  for (const std::string& name : facts.classes) ++classes[canonical_class(name)];
  std::string text = fmt::format("{}:", facts.num_layers);
  const char* separator = " ";
  for (const auto& [name, count] : classes) {
    text += fmt::format("{}{} {}", separator, count, printable(name));
    separator = ", ";
  }
  return text;
}

/// Why no current server uses the block, whatever the prompt.
std::string never_again(const BlockFacts& facts) {
  if (facts.version < oldest_served_version)
    return fmt::format("format {}, omlx reads {} to {}", facts.version, oldest_served_version, newest_version);
  if (!facts.has_settings || facts.signature.empty()) return "written before 2026-06: it has no block size and no signature";
  return {};
}

void describe_facts(const BlockFacts& facts, Entry& entry) {
  entry.model = facts.model;
  entry.version = std::to_string(facts.version);
  entry.tokens = facts.token_count;
  entry.settings = {{"model", facts.model},
                    {"format", std::to_string(facts.version)},
                    {"block size", std::to_string(facts.block_size)},
                    {"layers", layers_in_words(facts)}};
  if (!facts.turboquant_bits.empty()) entry.settings.emplace_back("TurboQuant bits", facts.turboquant_bits);
  if (!facts.payload_layout.empty()) entry.settings.emplace_back("payload", facts.payload_layout);
  for (const Setting& setting : facts.other_settings) entry.settings.push_back(setting);
  entry.never_again = never_again(facts);
}

/// Recurrent state that was named by itself.
void describe_gdn(const std::string& path, Entry& entry) {
  const GdnSidecar sidecar = read_gdn(LazyFile::open(path));
  entry.version = std::to_string(sidecar.version);
  entry.tokens = sidecar.token_count;
  entry.settings = {{"layers", std::to_string(sidecar.layers.size())}};
  if (!sidecar.codecs.empty()) entry.settings.emplace_back("stored in", fmt::format("{}", fmt::join(sidecar.codecs, ", ")));
  entry.verdict = "recurrent state of a block";
}

Entry look(const Place& place, const Item& item) {
  if (item.kind == Item::Kind::temporary) {
    Entry entry = entry_of(item);
    entry.verdict = "begun and not finished, or staged by a request";
    return entry;
  }
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    entry.whole_cache = false;
    if (place.is_file && role_in(place, item.path) == Role::gdn) {
      describe_gdn(item.path, entry);
      return;
    }
    const Block block = read_block(item.path);
    describe_facts(block.facts, entry);
    entry.layers_without_state = layers_without_state(block);
    entry.verdict = "part of a paged cache";
  });
}

void check_block(const std::string& path, Report& report) {
  const Block block = read_block(path);
  for (const Finding& defect : block.file.header().defects) report.findings.push_back(defect);
  const BlockFacts& facts = block.facts;
  std::vector<std::int64_t> without;
  for (std::size_t i = 0; i < facts.classes.size(); ++i) {
    const std::string where = fmt::format("layer {}", i);
    try {
      const StoredLayer layer = read_layer(block, i);
      if (!layer.unreadable.empty()) {
        add_finding(report, "KV912", fmt::format("{}: {}: it is inspected only", printable(facts.classes[i]), layer.unreadable),
                    where);
        continue;
      }
      if (layer.needs_state() && !layer.has_state()) without.push_back(static_cast<std::int64_t>(i));
      if (layer.is_list || !layer.own.is_plain()) continue;
      for (const StateArray& array : layer.own.arrays)
        if (!array.tensor.defined() || array.tensor.rank() != 4 || array.tensor.dim(2) != facts.token_count)
          add_finding(report, "KV908",
                      fmt::format("rows {} for {} tokens: servers cannot use it",
                                  array.tensor.defined() ? to_string(array.tensor.shape()) : "missing", facts.token_count),
                      where);
    } catch (const Error& error) {
      add_finding(report, error.code().empty() ? "KV908" : error.code(), error.what(), where);
    }
  }
  if (!without.empty())
    add_finding(report, "KV909",
                fmt::format("no state of {} {}: a prefix cannot end with this block alone",
                            without.size() == 1 ? "layer" : "layers", fmt::join(without, ", ")));
  if (const std::string why = never_again(facts); !why.empty())
    add_finding(report, "KV910", fmt::format("no current omlx uses it: {}", why), {},
                Remedy(Remedy::Action::convert) + " imports it");
}

Report check(const Place& place, const Item& item) {
  const std::string& path = item.path;
  if (item.kind == Item::Kind::temporary) return checked(path, add_temporary);
  switch (role_in(place, path)) {
    case Role::block:
      return checked(
          path, [&](Report& report) { check_block(path, report); }, "KV907");
    case Role::gdn:
      return checked(
          path, [&](Report&) { static_cast<void>(read_gdn(LazyFile::open(path))); }, "KV907");
    case Role::tokens:
      return checked(
          path,
          [&](Report& report) {
            const TokensFile file = parse_tokens_file(read_small_file(path), stem_of(path));
            // Keys of an image in an earlier block are not in this file: then only the whole chain can tell.
            if (file.token_start == 0 && !proving_keys(file, {}))
              add_finding(report, "KV904", "the ids have another hash than the block: they are not its ids");
          },
          "KV907");
    default:
      break;
  }
  return {path, {}, true, false};
}

/// Ids that are proved, from the roots on.
struct ProvedIds {
  struct Node {
    std::string path;
    std::string parent;
    std::vector<std::string> keys;
    std::int64_t tokens = 0;  ///< up to its end
    bool is_parent = false;
  };
  std::map<std::string, Node> nodes;  ///< by hash
  std::vector<std::string> refuted;   ///< paths of files whose ids are not those of the block
};

ProvedIds prove_ids(const FolderIndex& index) {
  ProvedIds out;
  // By parent, as a chain is proved from its root on. Ids are read again when they are needed: here their number is enough.
  std::multimap<std::string, std::string> children;
  for (const std::string& path : index.token_paths()) {
    try {
      const TokensFile file = parse_tokens_file(read_small_file(path), stem_of(path));
      if (index.block(file.hash) != nullptr) children.emplace(file.parent, path);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }
  std::vector<std::string> open{""};
  while (!open.empty()) {
    const std::string parent = open.back();
    open.pop_back();
    const auto [first, last] = children.equal_range(parent);
    for (auto it = first; it != last; ++it) {
      try {
        const TokensFile file = parse_tokens_file(read_small_file(it->second), stem_of(it->second));
        const auto before = out.nodes.find(parent);
        const bool root = before == out.nodes.end();
        const auto keys = proving_keys(file, root ? std::vector<std::string>() : before->second.keys);
        const std::int64_t start = root ? 0 : before->second.tokens;
        if (!keys || file.token_start != start) {
          out.refuted.push_back(it->second);
          continue;
        }
        if (!root) before->second.is_parent = true;
        const auto tokens = static_cast<std::int64_t>(file.ids.size());
        if (out.nodes.emplace(file.hash, ProvedIds::Node{it->second, parent, *keys, start + tokens, false}).second)
          open.push_back(file.hash);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::interrupted) throw;
      }
    }
  }
  return out;
}

std::vector<std::int32_t> ids_up_to(const ProvedIds& proved, std::string hash) {
  std::vector<std::vector<std::int32_t>> parts;
  while (!hash.empty()) {
    const auto node = proved.nodes.find(hash);
    if (node == proved.nodes.end()) break;
    parts.push_back(parse_tokens_file(read_small_file(node->second.path), hash).ids);
    hash = node->second.parent;
  }
  std::vector<std::int32_t> ids;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) ids.insert(ids.end(), part->begin(), part->end());
  return ids;
}

std::vector<Report> check_place(const Place& place, std::span<const Item> /*items*/) {
  std::vector<Report> out;
  if (place.is_file) return out;
  const FolderIndex index(place.path);
  const auto orphan = [&](const std::string& path, const char* what) {
    Report report{path, {}, true, false};
    add_finding(report, "KV905", fmt::format("{} of a block that is not there", what), {}, "it is of no use and can go");
    out.push_back(std::move(report));
  };
  for (const Item& item : items_in(place.path)) {
    const Role role = role_in(place, item.path);
    if (role != Role::gdn && role != Role::tokens && role != Role::text) continue;
    if (index.block(stem_of(item.path)) != nullptr) continue;
    orphan(item.path, role == Role::gdn ? "recurrent state" : role == Role::tokens ? "token ids" : "text");
  }
  for (const std::string& path : prove_ids(index).refuted) {
    Report report{path, {}, true, false};
    add_finding(report, "KV904", "the ids do not lead from the block before to this one: they are not its ids");
    out.push_back(std::move(report));
  }
  return out;
}

BlockStore store_of(const FolderIndex& index) {
  BlockStore out;
  out.has_block = [&index](std::string_view hash) { return index.block(hash) != nullptr; };
  out.block = [&index](std::string_view hash) -> std::optional<Block> {
    const std::string* path = index.block(hash);
    if (path == nullptr) return std::nullopt;
    std::error_code error;
    if (!fs::exists(*path, error)) return std::nullopt;  // evicted meanwhile
    return read_block(*path);
  };
  out.gdn = [&index](std::string_view hash, const BlockFacts& facts, std::int64_t tokens) -> std::optional<GdnSidecar> {
    const std::vector<std::string> paths = index.gdn(hash);
    if (paths.empty()) return std::nullopt;
    for (const std::string& folder : gdn_folders(facts))
      for (const std::string& path : paths) {
        if (fs::path(path).parent_path().filename() != folder) continue;
        try {
          GdnSidecar sidecar = read_gdn(LazyFile::open(path));
          if (fits(sidecar, facts) && sidecar.token_count == tokens) return sidecar;
        } catch (const Error& error) {
          if (error.kind() == ErrorKind::interrupted) throw;  // a damaged one is none
        }
      }
    return std::nullopt;
  };
  if (!index.token_paths().empty())
    out.extra_keys = [&index](std::string_view parent, std::span<const std::int32_t> ids) -> std::vector<std::string> {
      // Rare, and only where the ids alone do not lead on: images.
      for (const std::string& path : index.token_paths()) {
        try {
          const TokensFile file = parse_tokens_file(read_small_file(path), stem_of(path));
          if (file.parent != parent || !std::ranges::equal(file.ids, ids)) continue;
          const ProvedIds proved = prove_ids(index);
          if (const auto node = proved.nodes.find(file.hash); node != proved.nodes.end()) return node->second.keys;
        } catch (const Error& error) {
          if (error.kind() == ErrorKind::interrupted) throw;
        }
      }
      return {};
    };
  return out;
}

/// A model's name and a size of blocks: with the ids they are all that a hash is made of.
using Candidate = std::pair<std::string, std::int64_t>;

/// Those that blocks of the folder have. Whole blocks only: those that end a static prefix say their settings' size.
std::set<Candidate> candidates_in(const FolderIndex& index, const Query& query) {
  std::set<Candidate> out;
  if (!query.model_name.empty() && query.block_size > 0) {
    out.emplace(query.model_name, query.block_size);
    return out;
  }
  const std::vector<std::string>& paths = index.block_paths();
  const std::size_t workers = 2 * std::max<std::size_t>(1, std::thread::hardware_concurrency());
  detail::in_order<std::optional<Candidate>>(
      paths.size(), workers,
      [&](std::size_t i) -> std::optional<Candidate> {
        try {
          const BlockFacts facts = read_facts(LazyFile::open(paths[i]).header().metadata, stem_of(paths[i]));
          return Candidate{facts.model, facts.block_size};
        } catch (const Error& error) {
          if (error.kind() == ErrorKind::interrupted) throw;
          return std::nullopt;
        }
      },
      [&](std::size_t, std::optional<Candidate> candidate) {
        if (!candidate) return;
        if (!query.model_name.empty() && candidate->first != query.model_name) return;
        if (query.block_size > 0 && candidate->second != query.block_size) return;
        out.insert(*std::move(candidate));
      });
  return out;
}

/// The better of two answers: the one with more tokens, then the one that found more of the prompt.
bool is_better(const Restored& a, const Restored& b) {
  const auto rank = [](const Restored& r) {
    return std::tuple(r.outcome == Restored::Outcome::restored, r.tokens(), r.blocks_present * r.block_size,
                      r.outcome == Restored::Outcome::refused);
  };
  return rank(a) > rank(b);
}

Restored restore_ids(const FolderIndex& index, const Query& query, std::span<const std::int32_t> ids) {
  const BlockStore store = store_of(index);
  const std::set<Candidate> candidates = candidates_in(index, query);
  std::optional<Restored> best;
  std::optional<Candidate> winner;
  std::set<std::string> as_good;  // models with as much of the prompt
  for (const Candidate& candidate : candidates) {
    Restored found = restore_chain(store, candidate.first, candidate.second, ids, true);
    if (best && found.outcome == Restored::Outcome::restored && found.tokens() == best->tokens())
      as_good.insert(candidate.first);
    if (best && !is_better(found, *best)) continue;
    as_good.clear();
    best = std::move(found);
    winner = candidate;
  }
  if (!best) {
    Restored none;
    none.why = "no block here is of a format that is known, or of the model and the block size that were asked for";
    return none;
  }
  if (best->outcome != Restored::Outcome::restored) return *std::move(best);
  if (!query.look_only) best = restore_chain(store, winner->first, winner->second, ids, false);
  as_good.erase(winner->first);
  if (!as_good.empty())
    best->notes.push_back(
        fmt::format("doubt: of model '{}', and as much of the prompt is here of '{}': the model's name tells them apart",
                    printable(winner->first), printable(fmt::format("{}", fmt::join(as_good, "', '")), 300)));
  return *std::move(best);
}

Restored restore_from(const Place& place, const Query& query) {
  if (place.is_file) {
    Restored out;
    out.outcome = Restored::Outcome::refused;
    out.why = role_in(place, place.path) == Role::gdn
                  ? "recurrent state belongs to a block: that, and those before it, are in its folder"
                  : "a block is a part of a prompt: the others are in its folder";
    out.remedy = "name the folder of the cache instead";
    return out;
  }
  const FolderIndex index(place.path);
  return restore_ids(index, query, query.tokens);
}

std::vector<Prompt> prompts(const Place& place) {
  std::vector<Prompt> out;
  if (place.is_file) return {{stem_of(place.path), place.path, 0}};  // which says where the rest of it is
  const ProvedIds proved = prove_ids(FolderIndex(place.path));
  for (const auto& [hash, node] : proved.nodes)
    if (!node.is_parent) out.push_back({hash, node.path, node.tokens});
  return out;
}

Restored restore_prompt(const Place& place, const Prompt& prompt, const Query& query) {
  if (place.is_file) return restore_from(place, query);
  const FolderIndex index(place.path);
  const ProvedIds proved = prove_ids(index);
  return restore_ids(index, query, ids_up_to(proved, prompt.name));
}

}  // namespace
}  // namespace omlx_row

const Format omlx_format = {"omlx",
                            "omlx paged SSD cache",
                            "1 to 5",
                            omlx::is_block_folder,
                            omlx_row::owns_file,
                            omlx_row::items,
                            omlx_row::look,
                            omlx_row::check,
                            omlx_row::check_place,
                            omlx_row::restore_from,
                            omlx_row::prompts,
                            omlx_row::restore_prompt,
                            {}};

}  // namespace kvcache::foreign
