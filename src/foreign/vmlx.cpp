// vmlx (Python): the rows of its prompt cache and of its block cache.
//
// Both store bfloat16 as float16, for want of it in numpy. What is between 2^-17 and 65504 comes back exactly by a cast.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "cache/axes.h"
#include "foreign/file_names.h"
#include "foreign/format_rows.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "foreign/row_tools.h"
#include "foreign/stored_layers.h"
#include "kvcache/caches.h"
#include "kvcache/document.h"
#include "kvcache/printable.h"
#include "kvcache/verify.h"

namespace kvcache::foreign {
namespace {

using kvcache::detail::row_axis;

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view prompts_index = "cache_index.db";
constexpr std::string_view blocks_index = "block_index.db";
constexpr std::string_view block_meta = "__vmlx_block_meta__";
constexpr std::int64_t usual_vmlx_block = 64;

/// cache_<16 hex>_<N>tok.safetensors, and _tq before the ending.
struct PromptName {
  std::string hash;
  std::int64_t tokens = 0;
  bool turbo = false;
};
std::optional<PromptName> prompt_name(std::string_view name) {
  PromptName out;
  if (!name.starts_with("cache_") || !name.ends_with(safetensors_ending)) return std::nullopt;
  name.remove_prefix(6);
  name.remove_suffix(safetensors_ending.size());
  if (name.size() < 18 || name[16] != '_' || !is_hex(name.substr(0, 16), 16)) return std::nullopt;
  out.hash = name.substr(0, 16);
  name.remove_prefix(17);
  out.turbo = name.ends_with("_tq");
  if (out.turbo) name.remove_suffix(3);
  if (!name.ends_with("tok")) return std::nullopt;
  const auto tokens = whole_number<std::int64_t>(name.substr(0, name.size() - 3));
  if (!tokens || *tokens < 1) return std::nullopt;
  out.tokens = *tokens;
  return out;
}

bool owns_prompts(const FolderLook& folder) {
  return std::ranges::any_of(folder.files, [](const std::string& name) { return prompt_name(name).has_value(); });
}

bool owns_turbo_file(const FileLook& file) {
  return file.header != nullptr && file.header->metadata.contains("__tq_native__");
}

std::vector<Item> prompt_items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  for (const std::string& name : files_in(place.path))
    out.push_back({place.path + "/" + name, prompt_name(name)                 ? Item::Kind::entry
                                            : name.starts_with(prompts_index) ? Item::Kind::index
                                                                              : Item::Kind::other});
  return out;
}

bool is_turbo(const Header& header) {
  return header.metadata.contains("__tq_native__");
}

Entry look_at_prompt(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    SafetensorsFile file = SafetensorsFile::open(item.path);
    if (const auto named = prompt_name(fs::path(item.path).filename().string())) entry.tokens = named->tokens;
    if (is_turbo(file.header())) {
      entry.settings = {{"values", "TurboQuant"}};
      entry.verdict = "TurboQuant: can only be looked at";
      return;
    }
    entry.settings = {{"values", "as they were, bfloat16 as float16"}};
    const Document document = decode(std::move(file));
    if (entry.tokens == 0) entry.tokens = token_count(document.cache);
  });
}

Report check_prompt(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) {
    Report report;
    report.path = item.path;
    return report;
  }
  return checked(item.path, [&](Report& report) {
    SafetensorsFile file = SafetensorsFile::open(item.path);
    if (is_turbo(file.header())) return;
    const Document document = decode(std::move(file));
    const auto named = prompt_name(fs::path(item.path).filename().string());
    if (const std::int64_t held = token_count(document.cache); named && held > 0 && held != named->tokens)
      add_finding(report, "KV908", fmt::format("it holds {} tokens, and its name says {}", held, named->tokens));
  });
}

bool is_prompt_cache(const Item& item) {
  if (item.kind != Item::Kind::entry) return false;
  const auto named = prompt_name(fs::path(item.path).filename().string());
  return named && !named->turbo;
}

std::vector<Report> check_nothing_more(const Place&, std::span<const Item>) {
  return {};
}

void note_detour(Restored& out) {
  const auto half = [](const std::unique_ptr<Cache>& layer) { return layer->facts().dtype == Dtype::F16; };
  if (std::ranges::any_of(out.cache.layers, half))
    out.notes.emplace_back(
        "float16 may stand for the model's bfloat16: then bf16 as the dtype brings back all but the tiniest values");
}

Restored restore_from_prompts(const Place& place, const Query& query) {
  Restored out;
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const Item& item : prompt_items(place)) {
    const auto named = prompt_name(fs::path(item.path).filename().string());
    if (!named || named->tokens > static_cast<std::int64_t>(query.tokens.size())) continue;
    if (vmlx_prompt_hash(std::span(query.tokens).first(static_cast<std::size_t>(named->tokens))).starts_with(named->hash))
      found.emplace_back(named->tokens, item.path);
  }
  std::ranges::sort(found, std::greater<>());
  for (const auto& [tokens, path] : found) {
    try {
      SafetensorsFile file = SafetensorsFile::open(path);
      if (is_turbo(file.header()))
        throw Error(ErrorKind::impossible,
                    fmt::format("{} is compressed with TurboQuant, whose codebooks are not in it", printable(path, 500)));
      Document document = decode(std::move(file));
      out.cache = std::move(document.cache);
      out.entry = path;
      out.ids.assign(query.tokens.begin(), query.tokens.begin() + tokens);
      out.outcome = Restored::Outcome::restored;
      note_detour(out);
      return out;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      if (error.kind() != ErrorKind::io && out.why.empty()) refuse(out, error);
    }
  }
  if (out.why.empty()) out.why = "no file here is called by tokens that this prompt begins with";
  return out;
}

std::vector<Prompt> no_prompts(const Place&) {
  return {};
}

// The block cache.

bool owns_blocks(const FolderLook& folder) {
  return folder.has_file(blocks_index) && folder.has_folder("blocks");
}

bool owns_block_file(const FileLook& file) {
  return file.header != nullptr && file.header->find(block_meta) != nullptr;
}

std::vector<Item> block_items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  const std::string blocks = place.path + "/blocks";
  for (const std::string& folder : folders_in(blocks))
    for (const std::string& name : files_in(fmt::format("{}/{}", blocks, folder))) {
      const fs::path file(name);
      const bool ours = file.extension() == safetensors_ending && is_hex(file.stem().string(), 64);
      out.push_back({fmt::format("{}/{}/{}", blocks, folder, name), ours ? Item::Kind::entry : Item::Kind::temporary});
    }
  for (const std::string& name : files_in(place.path))
    out.push_back(
        {fmt::format("{}/{}", place.path, name), name.starts_with(blocks_index) ? Item::Kind::index : Item::Kind::other});
  return out;
}

/// The JSON that is hidden in a tensor of bytes.
Json meta_of(const SafetensorsFile& file) {
  const Tensor bytes = array(file, std::string(block_meta));
  if (bytes.dtype() != Dtype::U8 || bytes.nbytes() > (1U << 24U))
    throw Error(ErrorKind::unreadable, "its description is no list of bytes");
  std::string text(static_cast<std::size_t>(bytes.nbytes()), '\0');
  bytes.read(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(ErrorKind::unreadable, "its description is no JSON object");
  return json;
}

std::vector<std::string> layer_types(const Json& meta) {
  std::vector<std::string> out;
  const auto types = meta.find("__layer_types__");
  if (types == meta.end() || !types->is_object()) throw Error(ErrorKind::unreadable, "its description names no layers");
  for (std::size_t i = 0; i < types->size(); ++i) {
    const auto type = types->find(std::to_string(i));
    if (type == types->end() || !type->is_string())
      throw Error(ErrorKind::unreadable, fmt::format("its description lacks layer {}", i));
    out.push_back(type->get<std::string>());
  }
  return out;
}

Entry look_at_block(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    const SafetensorsFile file = SafetensorsFile::open(item.path);
    entry.whole_cache = false;
    entry.verdict = "part of a paged cache";
    const std::vector<std::string> types = layer_types(meta_of(file));
    entry.settings = {{"layers", std::to_string(types.size())}};
    if (const auto keys = find_array(file, "layer_0_keys"); keys && keys->rank() == 4) entry.tokens = keys->dim(row_axis);
  });
}

Report check_block(const Place&, const Item& item) {
  if (item.kind == Item::Kind::temporary) return checked(item.path, add_temporary);
  if (item.kind != Item::Kind::entry) return {item.path, {}, true, false};
  return checked(item.path, [&](Report&) {
    const SafetensorsFile file = SafetensorsFile::open(item.path);
    static_cast<void>(layer_types(meta_of(file)));
  });
}

/// A layer of a chain of blocks: of plain attention, rows one behind the other. Others are stored in ways that lose something.
std::unique_ptr<Cache> joined_layer(const std::vector<SafetensorsFile>& blocks, std::size_t layer, const std::string& type) {
  if (type != "KVCache")
    throw Error(ErrorKind::impossible,
                fmt::format("layer {} is a {}: vmlx cuts it into blocks in a way that does not tell what it was", layer,
                            printable(type)));
  std::vector<Tensor> keys;
  std::vector<Tensor> values;
  std::int64_t rows = 0;
  for (const SafetensorsFile& block : blocks) {
    keys.push_back(array(block, fmt::format("layer_{}_keys", layer)));
    values.push_back(array(block, fmt::format("layer_{}_values", layer)));
    if (keys.back().rank() != 4 || keys.back().dtype() != keys.front().dtype() || values.back().rank() != 4 ||
        keys.back().dim(1) != keys.front().dim(1) || keys.back().dim(3) != keys.front().dim(3))
      throw Error(ErrorKind::unreadable, fmt::format("layer {}: its blocks are of several shapes", layer));
    rows += keys.back().dim(row_axis);
  }
  return plain_layer({fmt::format("layer {}", layer)}, concatenate(keys, row_axis), concatenate(values, row_axis), rows);
}

Restored restore_from_blocks(const Place& place, const Query& query) {
  Restored out;
  if (place.is_file) {
    out.outcome = Restored::Outcome::refused;
    out.why = "a block is of no use without those before it";
    return out;
  }
  const std::int64_t size = query.block_size > 0 ? query.block_size : usual_vmlx_block;
  out.block_size = size;
  out.blocks_wanted = static_cast<std::int64_t>(query.tokens.size()) / size;
  std::vector<SafetensorsFile> blocks;
  std::string parent;
  try {
    while (static_cast<std::int64_t>(blocks.size()) < out.blocks_wanted) {
      const std::size_t at = blocks.size() * static_cast<std::size_t>(size);
      const std::string hash = vmlx_block_hash(parent, std::span(query.tokens).subspan(at, static_cast<std::size_t>(size)));
      const std::string path = fmt::format("{}/blocks/{}/{}{}", place.path, hash.substr(0, 2), hash, safetensors_ending);
      if (std::error_code error; !fs::exists(path, error)) break;
      blocks.push_back(SafetensorsFile::open(path));
      parent = hash;
    }
    out.blocks_present = static_cast<std::int64_t>(blocks.size());
    if (blocks.empty()) {
      out.why = fmt::format("no block of {} tokens here is what this prompt begins with", size);
      return out;
    }
    const std::vector<std::string> types = layer_types(meta_of(blocks.back()));
    for (std::size_t i = 0; i < types.size(); ++i) out.cache.layers.push_back(joined_layer(blocks, i, types[i]));
  } catch (const Error& error) {
    refuse(out, error);
    return out;
  }
  out.entry = blocks.back().path();
  out.ids.assign(query.tokens.begin(), query.tokens.begin() + out.blocks_present * size);
  out.notes.emplace_back("the model is not in the hashes: only its user knows that these blocks are of it");
  note_detour(out);
  out.outcome = Restored::Outcome::restored;
  return out;
}

}  // namespace

const Format vmlx_prompts_format = {"vmlx",
                                    "vmlx prompt cache",
                                    "any",
                                    owns_prompts,
                                    owns_turbo_file,
                                    prompt_items,
                                    look_at_prompt,
                                    check_prompt,
                                    check_nothing_more,
                                    restore_from_prompts,
                                    no_prompts,
                                    nullptr,
                                    {},
                                    is_prompt_cache};

const Format vmlx_blocks_format = {"vmlx-blocks",      "vmlx block cache",  "any",         owns_blocks,
                                   owns_block_file,    block_items,         look_at_block, check_block,
                                   check_nothing_more, restore_from_blocks, no_prompts,    nullptr};

}  // namespace kvcache::foreign
