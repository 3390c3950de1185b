#include "foreign/entries/entry_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "cache/class_names.h"
#include "foreign/export.h"
#include "foreign/header_fields.h"
#include "foreign/json_text.h"
#include "foreign/little_endian.h"
#include "foreign/prompt_file.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "foreign/unreadable.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/verify.h"

namespace kvcache::foreign::entries {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t vllm_version = 4;
constexpr std::int64_t rapid_newest = 3;
constexpr std::int64_t rapid_oldest = 2;
constexpr std::int64_t most_tokens = std::int64_t{1} << 28;
constexpr std::size_t uuid_digits = 64;  // at most
constexpr std::size_t folder_digest = 16;
// Prompts below this are passed over when vllm-mlx starts, unless it is told otherwise.
constexpr std::int64_t vllm_least_tokens = 128;

std::string cache_path(const std::string& folder, std::int64_t index) {
  return fmt::format("{}/entry_{}.safetensors", folder, index);
}
std::string ids_path(const std::string& folder, std::int64_t index) {
  return fmt::format("{}/entry_{}_tokens.bin", folder, index);
}

std::string read_head(const std::string& path, std::size_t most) {
  const std::shared_ptr<const ByteSource> source = file_source(path);
  std::string out(static_cast<std::size_t>(std::min<std::uint64_t>(most, source->size())), '\0');
  source->read_at(0, std::as_writable_bytes(std::span(out.data(), out.size())));
  return out;
}

bool has_index(const std::string& folder) {
  std::error_code unknown;
  return fs::exists(folder + "/index.json", unknown);
}

EntryIndex read_index(const Place& place, Owner owner) {
  // The whole folder may be gone, as a server exchanges it: that is said as what it is.
  if (std::error_code unknown; fs::exists(place.path, unknown) && !has_index(place.path))
    throw Error(ErrorKind::unreadable, "it has entries and no index.json, which is written last: no server uses any of them",
                Remedy("the entries are prompt caches of their own: ") + Remedy(Remedy::Action::convert) + " takes each",
                "KV906");
  return parse_index(read_small_file(place.path + "/index.json"), owner);
}

std::vector<std::int32_t> read_ids(const Place& place, const EntryIndex& index, const IndexEntry& entry) {
  const std::string bytes = read_small_file(ids_path(place.path, entry.index), std::uint64_t{1} << 30U);
  if (index.owner == Owner::vllm_mlx) return parse_plain_ids(bytes, entry.num_tokens);
  if (index.version == rapid_oldest) return parse_plain_ids(bytes, entry.num_tokens, true);
  TaggedIds tagged = parse_tagged_ids(bytes);
  if (tagged.save_uuid != index.save_uuid)
    unreadable("the ids are of another save than the index: one was written and the other was not", "KV907");
  if (static_cast<std::int64_t>(tagged.ids.size()) != entry.num_tokens)
    unreadable(fmt::format("{} ids, and {} in the index", tagged.ids.size(), entry.num_tokens), "KV908");
  return std::move(tagged.ids);
}

/// Opens an entry and holds it against what is kept beside it. Throws with the reason.
PromptCache open_entry(const Place& place, const IndexEntry& entry, std::span<const std::int32_t> ids,
                       std::vector<std::int32_t>& held) {
  Document document = read_document(cache_path(place.path, entry.index));
  require_sound(document);
  const auto& layers = document.cache.layers;
  if (!entry.classes.empty()) {
    const bool same = std::ranges::equal(layers, entry.classes, [](const auto& layer, const std::string& name) {
      return kvcache::detail::canonical_class(layer->class_name()) == kvcache::detail::canonical_class(name);
    });
    if (!same)
      throw Error(ErrorKind::impossible,
                  fmt::format("the index says that its layers are {}, and they are not",
                              printable(fmt::format("{}", fmt::join(entry.classes, ", ")))),
                  {}, "KV908");
  }
  if (const auto found = document.cache.metadata.find("num_tokens"); found != document.cache.metadata.end()) {
    if (whole_number<std::int64_t>(found->second) != entry.num_tokens)
      throw Error(ErrorKind::impossible,
                  fmt::format("the file says {} tokens, the index {}", printable(found->second), entry.num_tokens), {},
                  "KV908");
  }
  held = ids_held(document.cache, ids);
  return std::move(document.cache);
}

void describe_restored(Restored& out, const Place& place, const Query& query, Owner owner) {
  // What the server makes of a config.json is not all in it: some models compute it.
  if (std::string doubt = other_model(place, query.model_folder, owner); !doubt.empty()) out.losses.push_back(std::move(doubt));
  const std::string model = model_of(place.path, owner);
  if (!model.empty()) out.cache.metadata.try_emplace("model", model);
  out.cache.metadata.erase("num_tokens");  // the stamp says it
  const std::vector<std::int64_t> zero = windows_with_zero_row(out.cache);
  if (!zero.empty())
    out.losses.push_back(
        fmt::format("the window of {} {} begins with a row of zeros, which attention will see: the server left it when it took "
                    "a token off",
                    zero.size() == 1 ? "layer" : "layers", fmt::join(zero, ", ")));
}

/// `<dir>.old` is what is left while a new `<dir>` is put in its place: the last good one where that is missing.
std::string replaced_by(const std::string& folder) {
  constexpr std::string_view ending = ".old";
  if (!folder.ends_with(ending)) return {};
  const std::string main = folder.substr(0, folder.size() - ending.size());
  std::error_code error;
  return fs::exists(main + "/index.json", error) ? main : std::string();
}

/// `<dir>.new` is what a server writes before it puts it in the place of `<dir>`: until then it reads none of it.
bool is_unfinished(const std::string& folder) {
  return folder.ends_with(".new");
}

/// Why a server would take nothing of the folder. Empty: it would.
std::string why_not_served(const Place& place) {
  if (is_unfinished(place.path))
    return "it was begun and not put in the place of the folder that it is to replace: no server reads it";
  if (const std::string main = replaced_by(place.path); !main.empty())
    return fmt::format("it is left over from an exchange of folders: {} is the one in use", printable(main, 4096));
  return {};
}

/// An entry that shares tokens with the prompt.
struct Candidate {
  const IndexEntry* entry = nullptr;
  std::vector<std::int32_t> ids;
  std::int64_t common = 0;
};

/// Rapid-MLX takes no entry of an index one line of which is not as it writes it.
void check_rapid_fields(const Json& item, std::int64_t index, Owner owner) {
  if (owner != Owner::rapid_mlx) return;
  const auto check = [&](const char* name, bool (*is_right)(const Json&)) {
    const auto found = item.find(name);
    if (found != item.end() && !is_right(*found))
      unreadable(fmt::format("index.json: {} of entry {} is {}: the server takes none of the folder", name, index,
                             printable(found->dump(-1, ' ', true, Json::error_handler_t::replace), 80)),
                 "KV906");
  };
  const auto count = [](const Json& value) {
    return value.is_number_integer() && (value.is_number_unsigned() || value.get<std::int64_t>() >= 0);
  };
  check("memory_bytes", count);
  check("message_boundary_sequence", count);
  check("message_boundary", [](const Json& value) { return value.is_boolean(); });
  check("cache_types", [](const Json& value) { return value.is_array(); });
}

/// Rapid-MLX' folders end with a digest of the model and the settings.
bool has_rapid_name(const std::string& folder) {
  std::string name = fs::path(folder).filename().string();
  if (name.ends_with(".old") || name.ends_with(".new")) name.resize(name.size() - 4);
  return name.size() > folder_digest + 2 && is_hex(std::string_view(name).substr(name.size() - folder_digest), folder_digest) &&
         name.compare(name.size() - folder_digest - 2, 2, "--") == 0;
}

}  // namespace

void require_known_version(std::int64_t version, Owner owner) {
  const bool known = owner == Owner::vllm_mlx ? version == vllm_version : version == rapid_newest || version == rapid_oldest;
  if (!known)
    unreadable(fmt::format("an index of version {}, and {} known here: servers of another version ignore the folder", version,
                           owner == Owner::vllm_mlx ? "4 is" : "2 and 3 are"),
               "KV902");
}

EntryIndex parse_index(std::string_view json, Owner owner) {
  EntryIndex out;
  out.owner = owner;
  Json object;
  try {
    object = parse_json(json, "index.json");
  } catch (const Error& error) {
    if (!error.remedy().empty()) throw Error(error.kind(), error.what(), error.remedy(), "KV906");
    unreadable(std::string(error.what()) + ": it was cut off while it was written, and the server refuses to start", "KV906");
  }
  const auto version = integer_member(object, "version");
  const Json* list = array_member(object, "entries");
  if (!version) unreadable("index.json has no version", "KV906");
  out.version = *version;
  require_known_version(*version, owner);
  if (list == nullptr) unreadable("index.json has no entries", "KV906");
  out.fingerprint = text_member(object, "model_fingerprint").value_or("");
  out.save_uuid = text_member(object, "save_uuid").value_or("");
  std::set<std::int64_t> seen;
  for (const Json& item : *list) {
    IndexEntry entry;
    const auto index = integer_member(item, "index");
    const auto tokens = integer_member(item, "num_tokens");
    if (!index || *index < 0 || !tokens || *tokens < 0 || *tokens > most_tokens || !seen.insert(*index).second)
      unreadable(fmt::format("index.json: entry {} has no index of its own, or no number of tokens", out.entries.size()),
                 "KV906");
    entry.index = *index;
    entry.num_tokens = *tokens;
    check_rapid_fields(item, *index, owner);
    if (const Json* classes = array_member(item, "cache_types"))
      for (const Json& name : *classes) {
        if (!name.is_string()) unreadable(fmt::format("index.json: a class of entry {} is no text", *index), "KV906");
        entry.classes.push_back(name.get<std::string>());
      }
    out.entries.push_back(std::move(entry));
  }
  return out;
}

std::vector<std::int32_t> parse_plain_ids(std::string_view bytes, std::int64_t num_tokens, bool exactly) {
  if (num_tokens < 0 || bytes.size() / 4 < static_cast<std::uint64_t>(num_tokens) ||
      (exactly && bytes.size() != 4 * static_cast<std::uint64_t>(num_tokens)))
    unreadable(fmt::format("{} bytes are not {} ids", bytes.size(), num_tokens), "KV907");
  std::vector<std::int32_t> ids;
  ids.reserve(static_cast<std::size_t>(num_tokens));
  for (std::int64_t i = 0; i < num_tokens; ++i) ids.push_back(read_le<std::int32_t>(bytes, static_cast<std::size_t>(4 * i)));
  return ids;
}

TaggedIds parse_tagged_ids(std::string_view bytes) {
  constexpr std::size_t fixed = 16;
  if (!bytes.starts_with(ids_magic)) unreadable("the ids have no header RMTKBIN1", "KV907");
  if (bytes.size() < fixed) unreadable("the ids are cut off", "KV907");
  const auto count = read_le<std::uint32_t>(bytes, 8);
  const auto uuid = read_le<std::uint32_t>(bytes, 12);
  if (uuid > uuid_digits) unreadable(fmt::format("an identifier of {} characters", uuid), "KV907");
  const std::uint64_t wanted = fixed + uuid + std::uint64_t{4} * count;
  if (bytes.size() != wanted) unreadable(fmt::format("{} bytes where {} ids take {}", bytes.size(), count, wanted), "KV907");
  return {std::string(bytes.substr(fixed, uuid)), parse_plain_ids(bytes.substr(fixed + uuid), count)};
}

std::string tagged_ids(std::string_view save_uuid, std::span<const std::int32_t> ids) {
  std::string out(ids_magic);
  append_le(out, static_cast<std::uint32_t>(ids.size()));
  append_le(out, static_cast<std::uint32_t>(save_uuid.size()));
  out += save_uuid;
  return out + ids_le<std::int32_t>(ids);
}

std::optional<std::int64_t> entry_number(std::string_view name, std::string_view ending) {
  constexpr std::string_view prefix = "entry_";
  if (!name.starts_with(prefix) || !name.ends_with(ending) || name.size() <= prefix.size() + ending.size()) return std::nullopt;
  const std::string_view digits = name.substr(prefix.size(), name.size() - prefix.size() - ending.size());
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return whole_number<std::int64_t>(digits);
}

std::string model_of(const std::string& folder, Owner owner) {
  std::string name = fs::path(folder).filename().string();
  if (name.ends_with(".old") || name.ends_with(".new")) name.resize(name.size() - 4);
  if (owner == Owner::rapid_mlx && has_rapid_name(folder)) name.resize(name.size() - folder_digest - 2);
  for (std::size_t at = name.find("--"); at != std::string::npos; at = name.find("--", at + 1)) name.replace(at, 2, "/");
  return name;
}

bool owns(const FolderLook& folder, Owner owner) {
  bool entries = false;
  std::string ids;
  for (const std::string& name : folder.files) {
    entries = entries || entry_number(name, ".safetensors");
    if (ids.empty() && entry_number(name, "_tokens.bin")) ids = name;
  }
  const bool indexed = folder.has_file("index.json");
  if (!entries && !indexed) return false;
  try {
    if (indexed) {
      constexpr std::size_t enough = 4096;
      const std::string head = read_head(folder.at("index.json"), enough);
      if (head.find("\"model_fingerprint\"") != std::string::npos) return owner == Owner::vllm_mlx;
      // Its second version has no identifier, and ids without a header.
      for (const std::string_view mark : {"\"save_uuid\"", "\"cache_types\""})
        if (head.find(mark) != std::string::npos) return owner == Owner::rapid_mlx;
      // The first entries of its second version say no more than those of vllm-mlx.
      if (has_rapid_name(folder.path)) return owner == Owner::rapid_mlx;
      if (!entries) return false;
    }
    if (ids.empty()) return owner == Owner::rapid_mlx && entries && is_unfinished(folder.path);
    const bool tagged = read_head(folder.at(ids), ids_magic.size()) == ids_magic;
    return tagged == (owner == Owner::rapid_mlx);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return false;
  }
}

std::vector<Item> items(const Place& place) {
  std::vector<Item> out;
  const bool unfinished = is_unfinished(place.path);
  for (const std::string& name : files_in(place.path)) {
    Item item{place.path + '/' + name, Item::Kind::other};
    if (entry_number(name, ".safetensors"))
      item.kind = unfinished ? Item::Kind::temporary : Item::Kind::entry;
    else if (entry_number(name, "_tokens.bin"))
      item.kind = unfinished ? Item::Kind::temporary : Item::Kind::sidecar;
    else if (name == "index.json" || name == "radix.index")
      item.kind = Item::Kind::index;
    out.push_back(std::move(item));
  }
  return out;
}

Entry look(const Place& place, const Item& item, Owner owner) {
  if (item.kind == Item::Kind::temporary) {
    Entry entry = entry_of(item);
    entry.verdict = "begun and not finished";
    return entry;
  }
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    entry.model = model_of(place.path, owner);
    const Document document = read_document(item.path);
    const Document& d = document;
    entry.tokens = token_count(d.cache);
    entry.settings = {{"model", entry.model}, {"layers", std::to_string(d.cache.layers.size())}};
    if (d.format != nullptr) entry.settings.emplace_back("file format", std::string(d.format->id));
    const Findings findings = kvcache::check(d);
    const auto broken = std::ranges::find(findings, Severity::error, &Finding::severity);
    if (broken != findings.end()) entry.verdict = fmt::format("errors ({})", broken->code);
    if (owner == Owner::vllm_mlx && entry.tokens + 1 < vllm_least_tokens)
      entry.settings.emplace_back("shorter than", "128 tokens, which vllm-mlx passes over by default");
  });
}

Report check(const Place& place, const Item& item, Owner owner) {
  if (item.kind == Item::Kind::temporary) return checked(item.path, add_temporary);
  const std::string name = fs::path(item.path).filename().string();
  if (item.kind == Item::Kind::index && name == "index.json")
    return checked(
        item.path, [&](Report&) { static_cast<void>(read_index(place, owner)); }, "KV906");
  if (item.kind == Item::Kind::sidecar && owner == Owner::rapid_mlx)
    return checked(
        item.path,
        [&](Report&) {
          if (read_head(item.path, ids_magic.size()) == ids_magic)
            static_cast<void>(parse_tagged_ids(read_small_file(item.path, std::uint64_t{1} << 30U)));
        },
        "KV907");
  return {item.path, {}, true, false};
}

std::vector<Report> check_place(const Place& place, std::span<const Item> items, Owner owner) {
  std::vector<Report> out;
  const auto report = [&](const std::string& path, std::string_view code, const std::string& message,
                          const Remedy& remedy = {}) {
    Report one{path, {}, true, false};
    add_finding(one, code, message, {}, remedy);
    out.push_back(std::move(one));
  };
  if (is_unfinished(place.path)) return out;
  if (const std::string main = replaced_by(place.path); !main.empty())
    report(place.path, "KV905",
           fmt::format("left over from an exchange of folders: {} is the one in use", printable(main, 4096)),
           "where no server is at work it can go");
  std::set<std::int64_t> listed;
  try {
    const EntryIndex index = read_index(place, owner);
    for (const IndexEntry& entry : index.entries) {
      listed.insert(entry.index);
      const std::string path = cache_path(place.path, entry.index);
      try {
        PromptCache cache;
        const bool there = patiently(path, [&] {
          const std::vector<std::int32_t> ids = read_ids(place, index, entry);
          std::vector<std::int32_t> held;
          cache = open_entry(place, entry, ids, held);
        });
        if (!there) throw Error(ErrorKind::io, fmt::format("{} is not here", printable(path, 500)), {}, "KV100");
        if (const auto zero = windows_with_zero_row(cache); !zero.empty())
          report(path, "KV913",
                 fmt::format("the window of {} {} begins with a row of zeros, which attention sees: the server left it when it "
                             "took a token off",
                             zero.size() == 1 ? "layer" : "layers", fmt::join(zero, ", ")));
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::interrupted) throw;
        const bool of_ids = !fs::exists(ids_path(place.path, entry.index));
        report(path, of_ids || error.code().empty() || error.code() == "KV100" ? "KV907" : error.code(),
               fmt::format("the server passes it over: {}", error.what()));
      }
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    if (!has_index(place.path)) report(place.path, error.code(), error.what(), error.remedy());
    return out;  // a torn one is reported itself
  }
  for (const Item& item : items) {
    const std::string name = fs::path(item.path).filename().string();
    const auto number = item.kind == Item::Kind::entry     ? entry_number(name, ".safetensors")
                        : item.kind == Item::Kind::sidecar ? entry_number(name, "_tokens.bin")
                                                           : std::nullopt;
    if (number && !listed.contains(*number))
      report(item.path, "KV905", "index.json does not list it: no server uses it", "where no server is at work it can go");
  }
  return out;
}

std::string other_model(const Place& place, const std::string& model_folder, Owner owner) {
  if (owner != Owner::vllm_mlx || model_folder.empty()) return {};
  const std::string theirs = read_index(place, owner).fingerprint;
  const std::string own = vllm_mlx_fingerprint_of(model_folder);
  if (theirs.empty() || own.empty() || theirs == own) return {};
  return fmt::format("doubt: its index is of the model {}, and {} gives {}: the server uses nothing of it if it counts so, too",
                     printable(theirs), printable(model_folder, 500), own);
}

Restored restore(const Place& place, const Query& query, Owner owner) {
  Restored out;
  out.why = why_not_served(place);
  if (!out.why.empty()) return out;
  const EntryIndex index = read_index(place, owner);
  std::vector<Candidate> candidates;
  std::string problem;
  for (const IndexEntry& entry : index.entries) {
    try {
      Candidate candidate{&entry, read_ids(place, index, entry), 0};
      candidate.common = common_prefix(candidate.ids, query.tokens);
      if (candidate.common > 0) candidates.push_back(std::move(candidate));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      problem = fmt::format("entry {}: {}", entry.index, error.what());
    }
  }
  // Most of the prompt first; of equals the one that need not be cut.
  std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    return a.common != b.common ? a.common > b.common : a.ids.size() < b.ids.size();
  });
  for (const Candidate& candidate : candidates) {
    try {
      std::vector<std::int32_t> held;
      PromptCache cache = open_entry(place, *candidate.entry, candidate.ids, held);
      cut_to_prompt(cache, held, query.tokens);
      out.outcome = Restored::Outcome::restored;
      out.cache = std::move(cache);
      out.ids = std::move(held);
      out.entry = cache_path(place.path, candidate.entry->index);
      describe_restored(out, place, query, owner);
      return out;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      if (out.why.empty()) out.why = fmt::format("entry {}: {}", candidate.entry->index, error.what());
      out.outcome = Restored::Outcome::refused;
    }
  }
  if (out.why.empty()) {
    out.why = fmt::format("none of {} entries begins as the prompt does", index.entries.size());
    if (!problem.empty()) out.why += "; " + problem;
  }
  return out;
}

std::vector<Prompt> prompts(const Place& place, Owner owner) {
  std::vector<Prompt> out;
  if (is_unfinished(place.path) || !replaced_by(place.path).empty()) return out;
  for (const IndexEntry& entry : read_index(place, owner).entries) {
    const std::string path = cache_path(place.path, entry.index);
    // An index may name a million that are not there; `verify` says so.
    if (std::error_code unknown; fs::exists(path, unknown))
      out.push_back({fmt::format("entry_{}", entry.index), path, entry.num_tokens});
  }
  return out;
}

Restored restore_prompt(const Place& place, const Prompt& prompt, const Query& query, Owner owner) {
  Restored out;
  out.why = why_not_served(place);
  if (!out.why.empty()) return out;
  try {
    const EntryIndex index = read_index(place, owner);
    for (const IndexEntry& entry : index.entries) {
      if (cache_path(place.path, entry.index) != prompt.path) continue;
      out.cache = open_entry(place, entry, read_ids(place, index, entry), out.ids);
      out.outcome = Restored::Outcome::restored;
      out.entry = prompt.path;
      describe_restored(out, place, query, owner);
      return out;
    }
    out.why = "the index no longer lists it";
  } catch (const Error& error) {
    refuse(out, error);
  }
  return out;
}

}  // namespace kvcache::foreign::entries
