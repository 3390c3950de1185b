#include "foreign/apc_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "foreign/file_names.h"
#include "foreign/header_fields.h"
#include "foreign/lazy_file.h"
#include "foreign/little_endian.h"
#include "foreign/row_tools.h"
#include "foreign/stored_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

/// Blocks that a header names, however broken the rest of it is: a prompt that leads there ends there.
std::vector<std::int64_t> named_blocks(const std::string& path) {
  std::vector<std::int64_t> out;
  const std::optional<Header> header = header_of_damaged(path);
  const std::string* text = header ? find_metadata(header->metadata, "block_hashes") : nullptr;
  if (text == nullptr) return out;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    if (const auto value = whole_number<std::int64_t>(rest.substr(0, comma))) out.push_back(*value);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return out;
}

/// A shard, opened again: it may have been replaced since it was looked at.
ApcShard reopen(const ApcStore::Shard& shard) {
  ApcShard opened = read_apc_shard(SafetensorsFile::open(shard.path));
  if (opened.layers != shard.layers || opened.block_size != shard.block_size || opened.blocks.size() != shard.blocks)
    throw Error(ErrorKind::unreadable, fmt::format("{} was written to meanwhile", printable(shard.path, 500)), "try again");
  return opened;
}

}  // namespace

ApcName apc_name(const std::string& name) {
  if (!name.ends_with(safetensors_ending)) return ApcName::other;
  const std::string_view stem = std::string_view(name).substr(0, name.size() - safetensors_ending.size());
  const std::size_t dot = stem.find('.');
  const std::string_view first = stem.substr(0, dot);
  const bool shard = first.starts_with("shard_") && is_hex(first.substr(6), 32);
  const bool exact = first.starts_with("exact_") && is_hex(first.substr(6), 32);
  if (!shard && !exact) return ApcName::other;
  if (dot != std::string_view::npos) return ApcName::temporary;
  return shard ? ApcName::shard : ApcName::exact;
}

std::string apc_namespace_prefix(const std::string& model) {
  std::string out = model + "#s1-";
  for (char& c : out) {
    const bool kept =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!kept) c = '_';
  }
  return out;
}

ApcStore::ApcStore(std::string path_of_folder, std::span<const std::int32_t> ids)
    : folder(std::move(path_of_folder)), ids_(ids.begin(), ids.end()) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (!it->is_symlink(unknown) && it->is_regular_file(unknown)) paths.push_back(it->path());
    refuse_too_many(folder, paths.size());
  }
  if (error) throw Error(ErrorKind::io, fmt::format("cannot be read: {}", error.message()));
  std::ranges::sort(paths);
  for (const fs::path& path : paths) {
    switch (apc_name(path.filename().string())) {
      case ApcName::shard:
      case ApcName::exact:
        add(path.string(), path.stem().string());
        break;
      case ApcName::temporary:
        temporaries.push_back(path.string());
        break;
      case ApcName::other:
        others.push_back(path.string());
        break;
    }
  }
}

void ApcStore::add(const std::string& path, const std::string& stem) {
  try {
    SafetensorsFile file = SafetensorsFile::open(path);
    if (!apc_layout(file.header()))
      damaged.push_back({path, "its metadata are not those of its name", {}});
    else if (stem.starts_with("exact_"))
      add_exact(path, read_apc_exact(std::move(file)));
    else
      add_shard(path, read_apc_shard(std::move(file)));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    if (std::error_code gone; error.kind() == ErrorKind::io && !fs::exists(path, gone)) return;  // evicted meanwhile
    damaged.push_back({path, error.what(), named_blocks(path)});
  }
}

void ApcStore::add_shard(const std::string& path, const ApcShard& shard) {
  Shard entry{path, shard.file.disk_bytes(), shard.layers, shard.block_size, shard.blocks.size(), 0, shard.rows_in_words()};
  Damaged wrong{path, "a block names other tokens than its hash is of", {}};
  for (std::size_t i = 0; i < shard.blocks.size(); ++i) {
    const ApcBlock& block = shard.blocks[i];
    if (block.rule)
      by_parent_.emplace(block.parent, Block{block.hash, block.parent, block.extra, *block.rule, shards.size(), i});
    else
      wrong.blocks.push_back(block.hash);
  }
  entry.unproven = wrong.blocks.size();
  if (entry.unproven > 0) damaged.push_back(std::move(wrong));
  shards.push_back(std::move(entry));
}

void ApcStore::add_exact(const std::string& path, const ApcExact& exact) {
  const auto [mine, theirs] = std::ranges::mismatch(ids_, exact.ids);
  exacts.push_back({path, exact.file.disk_bytes(), static_cast<std::int64_t>(exact.ids.size()), exact.extra,
                    exact.block_size.has_value(), mine - ids_.begin()});
}

std::map<std::int64_t, ApcStore::Reached> ApcStore::reached() const {
  std::map<std::int64_t, Reached> out;
  std::vector<std::pair<std::int64_t, std::int64_t>> open = {{0, 0}};  // hashes to go on from, and tokens up to there
  while (!open.empty()) {
    const auto [parent, tokens] = open.back();
    open.pop_back();
    const auto [first, last] = by_parent_.equal_range(parent);
    for (auto it = first; it != last; ++it) {
      const std::int64_t end = tokens + shards[it->second.shard].block_size;
      // A hash that is met again is the same block in another file, or a circle that somebody has made.
      if (out.emplace(it->second.hash, Reached{&it->second, end}).second) open.emplace_back(it->second.hash, end);
    }
  }
  return out;
}

std::vector<ApcStore::Chain> ApcStore::chains() const {
  std::vector<Chain> out;
  for (const auto& [hash, reached] : reached())
    if (!by_parent_.contains(hash)) out.push_back({hash, reached.block->shard, reached.tokens});
  return out;
}

std::vector<std::int32_t> ApcStore::ids_of_chain(std::int64_t last) const {
  const std::map<std::int64_t, Reached> all = reached();
  std::vector<const Block*> blocks;
  for (std::int64_t hash = last; hash != 0;) {
    const auto it = all.find(hash);
    if (it == all.end() || blocks.size() > all.size())
      throw Error(ErrorKind::unreadable, fmt::format("no chain of blocks ends with {}", last));
    blocks.push_back(it->second.block);
    hash = it->second.block->parent;
  }
  std::vector<std::int32_t> ids;
  std::optional<std::size_t> opened;
  ApcShard shard;
  std::ranges::reverse(blocks);
  for (const Block* block : blocks) {
    if (opened != block->shard) shard = reopen(shards[block->shard]);
    opened = block->shard;
    const std::vector<std::int32_t>& part = shard.blocks[block->index].ids;
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}

std::map<std::size_t, std::size_t> ApcStore::unreachable() const {
  const std::map<std::int64_t, Reached> all = reached();
  std::map<std::size_t, std::size_t> out;
  for (const auto& [parent, block] : by_parent_)
    if (!all.contains(block.hash)) ++out[block.shard];
  return out;
}

ApcStore::Match ApcStore::match() const {
  Match match;
  std::int64_t parent = 0;
  for (std::span<const std::int32_t> rest = ids_;;) {
    const auto [first, last] = by_parent_.equal_range(parent);
    const auto fits = [&](const auto& entry) {
      const Block& block = entry.second;
      const auto size = static_cast<std::size_t>(shards[block.shard].block_size);
      return size <= rest.size() && apc_block_hash(block.rule, parent, rest.first(size), block.extra) == block.hash;
    };
    // Ids without images are ids alone: a chain of them is meant, where there is one.
    const auto fits_alone = [&](const auto& entry) { return entry.second.extra == 0 && fits(entry); };
    auto found = std::find_if(first, last, fits_alone);
    if (found == last) found = std::find_if(first, last, fits);
    if (found == last) break;
    const Block& block = found->second;
    const auto fits_too = [&](const auto& entry) { return entry.second.extra != block.extra && fits(entry); };
    if (block.extra != 0 && std::find_if(first, last, fits_too) != last) {
      match.stopped = fmt::format(
          "behind token {} the same ids go on with several images, and nothing here says which is meant", match.tokens);
      break;
    }
    const Shard& shard = shards[block.shard];
    if (!match.chain.empty() && shard.layers != shards[match.chain.front().shard].layers) {
      match.stopped = fmt::format("{} is of a model with {} layers", printable(shard.path, 500), shard.layers);
      break;
    }
    if (!match.chain.empty() && shard.rows != shards[match.chain.front().shard].rows) {
      match.stopped = fmt::format("{} holds {}, and the blocks before it {}", printable(shard.path, 500), shard.rows,
                                  shards[match.chain.front().shard].rows);
      break;
    }
    match.chain.push_back(block);
    match.tokens += shard.block_size;
    rest = rest.subspan(static_cast<std::size_t>(shard.block_size));
    parent = block.hash;
  }
  if (match.stopped.empty()) find_obstacle(match, parent);

  match_exact(match);
  return match;
}

void ApcStore::match_exact(Match& match) const {
  const std::int64_t chained = match.tokens;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < exacts.size(); ++i) {
    if (exacts[i].common != exacts[i].tokens) continue;
    if (exacts[i].tokens == static_cast<std::int64_t>(ids_.size()))
      match.same = i;
    else if (exacts[i].tokens > chained)
      order.push_back(i);
  }
  // The longest; of one length the one of ids alone.
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(-exacts[a].tokens, exacts[a].extra != 0) < std::pair(-exacts[b].tokens, exacts[b].extra != 0);
  });
  for (std::size_t n = 0; n < order.size(); ++n) {
    const Exact& exact = exacts[order[n]];
    const bool several = exact.extra != 0 && std::ranges::any_of(order, [&](std::size_t i) {
                           return exacts[i].tokens == exact.tokens && exacts[i].extra != exact.extra;
                         });
    if (several) {
      if (match.stopped.empty())
        match.stopped =
            fmt::format("{} tokens are cached with several images, and nothing here says which is meant", exact.tokens);
      continue;
    }
    match.exact = order[n];
    match.tokens = exact.tokens;
    return;
  }
}

// Whether the next block is there, but in a file that cannot be read or without the tokens that it is of.
void ApcStore::find_obstacle(Match& match, std::int64_t parent) const {
  constexpr std::size_t usual_block = 16;
  const auto known = static_cast<std::size_t>(match.chain.empty() ? 0 : shards[match.chain.front().shard].block_size);
  const auto at = static_cast<std::size_t>(match.tokens);
  const std::size_t size = known == 0 ? usual_block : known;
  if (at + size > ids_.size()) return;
  const std::span<const std::int32_t> next = std::span(ids_).subspan(at, size);
  const std::int64_t hashes[] = {apc_block_hash(ApcRule::python, parent, next, 0),
                                 apc_block_hash(ApcRule::sha256, parent, next, 0)};
  for (const Damaged& file : damaged) {
    if (std::ranges::find_first_of(file.blocks, hashes) == file.blocks.end()) continue;
    match.stopped = fmt::format("the next block is in {}, which cannot be used: {}", printable(file.path, 500), file.why);
    match.server_misses = true;
    return;
  }
}

std::vector<std::unique_ptr<Cache>> ApcStore::restore(const Match& match, std::size_t* tuples) const {
  if (!match.exact) return join(match);
  const Exact& known = exacts[*match.exact];
  const ApcExact exact = read_apc_exact(SafetensorsFile::open(known.path));
  if (exact.ids.size() > ids_.size() || !std::equal(exact.ids.begin(), exact.ids.end(), ids_.begin()))
    throw Error(ErrorKind::unreadable, fmt::format("{} was written to meanwhile", printable(known.path, 500)), "try again");
  return exact.layers(tuples);
}

std::vector<std::unique_ptr<Cache>> ApcStore::join(const Match& match) const {
  if (match.chain.empty()) throw Error(ErrorKind::impossible, "no block of these tokens is here");
  std::map<std::size_t, ApcShard> opened;
  for (const Block& block : match.chain)
    if (!opened.contains(block.shard)) opened.emplace(block.shard, reopen(shards[block.shard]));
  std::vector<std::unique_ptr<Cache>> layers;
  for (std::int64_t layer = 0; layer < shards[match.chain.front().shard].layers; ++layer) {
    std::vector<Tensor> keys;
    std::vector<Tensor> values;
    for (const Block& block : match.chain) {
      const ApcShard& shard = opened.at(block.shard);
      if (shard.blocks[block.index].hash != block.hash)
        throw Error(ErrorKind::unreadable, fmt::format("{} was written to meanwhile", printable(shard.file.path(), 500)),
                    "try again");
      keys.push_back(shard.keys(layer, block.index));
      values.push_back(shard.values(layer, block.index));
      const auto fits = [](const Tensor& a, const Tensor& b) {
        return a.dtype() == b.dtype() && a.dim(0) == b.dim(0) && a.dim(1) == b.dim(1) && a.dim(3) == b.dim(3);
      };
      if (!fits(keys.front(), keys.back()) || !fits(values.front(), values.back()))
        throw Error(ErrorKind::unreadable,
                    fmt::format("layer {}: {} holds keys of {} {}, and the blocks before it {} {}", layer,
                                printable(shard.file.path(), 500), name(keys.back().dtype()), to_string(keys.back().shape()),
                                name(keys.front().dtype()), to_string(keys.front().shape())));
    }
    layers.push_back(plain_layer({fmt::format("layer {}", layer)}, concatenate(keys, 2), concatenate(values, 2), match.tokens));
  }
  return layers;
}

}  // namespace kvcache::foreign
