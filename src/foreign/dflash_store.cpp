#include "foreign/dflash_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include "foreign/file_names.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "foreign/row_tools.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t depth_of_files = 4;
constexpr std::size_t most_siblings = 64;

/// Folders of a store, and how deep each kind of name stands.
bool is_folder_name(std::string_view name, std::size_t depth) {
  constexpr std::array<std::size_t, 4> digits = {0, 16, 2, 32};
  if (depth == 0) return name == "v1" || name == "v2";
  return depth < digits.size() && is_hex(name, digits[depth]);
}

bool is_prefix(std::span<const std::int32_t> prefix, std::span<const std::int32_t> ids) {
  return prefix.size() <= ids.size() && std::equal(prefix.begin(), prefix.end(), ids.begin());
}

}  // namespace

std::optional<DflashPath> dflash_path(std::string_view relative) {
  DflashPath path;
  std::vector<std::string_view> parts;
  for (std::string_view rest = relative;;) {
    const std::size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (parts.size() != depth_of_files + 1) return std::nullopt;
  for (std::size_t i = 0; i < depth_of_files; ++i)
    if (!is_folder_name(parts[i], i)) return std::nullopt;
  if (!parts[3].starts_with(parts[2])) return std::nullopt;
  std::string_view name = parts.back();
  if (!name.ends_with(safetensors_ending)) return std::nullopt;
  name.remove_suffix(safetensors_ending.size());
  // 0000000040-1a149215b41c26ce-prefill-16811bff7d83bd9e
  if (name.size() < 10 + 1 + 16 + 1 + 1 + 1 + 16 || name[10] != '-' || name[27] != '-' || name[name.size() - 17] != '-')
    return std::nullopt;
  const auto tokens = whole_number<std::int64_t>(name.substr(0, 10));
  if (!tokens || *tokens < 0 || !is_hex(name.substr(11, 16), 16) || !is_hex(name.substr(name.size() - 16), 16))
    return std::nullopt;
  path.version_folder = parts[0];
  path.runtime = parts[1];
  path.key = parts[3];
  path.tokens = *tokens;
  path.token_hash = name.substr(11, 16);
  path.kind = name.substr(28, name.size() - 28 - 17);
  if (path.kind != "prefill" && path.kind != "generation") return std::nullopt;
  return path;
}

std::string dflash_key_folder(const DflashSnapshot& snapshot) {
  return sha256(snapshot.key).substr(0, 32);
}

DflashStore::DflashStore(std::string path_of_folder) : folder(std::move(path_of_folder)) {
  const std::function<void(const fs::path&, const std::string&, std::size_t)> walk =
      [&](const fs::path& at, const std::string& relative, std::size_t depth) {
        std::vector<fs::directory_entry> found;
        std::error_code error;
        for (fs::directory_iterator it(at, error), end; !error && it != end; it.increment(error)) {
          found.push_back(*it);
          refuse_too_many(at.string(), found.size() + entries.size());
        }
        if (error && depth == 0) throw Error(ErrorKind::io, fmt::format("cannot be read: {}", error.message()));
        if (error) unreadable.push_back(at.string());
        std::ranges::sort(found);
        for (const fs::directory_entry& entry : found) {
          std::error_code unknown;
          const std::string name = entry.path().filename().string();
          if (entry.is_symlink(unknown)) continue;
          if (depth < depth_of_files) {
            if (entry.is_directory(unknown) && is_folder_name(name, depth))
              walk(entry.path(), relative + name + '/', depth + 1);
            continue;
          }
          if (!entry.is_regular_file(unknown)) continue;
          if (name.starts_with('.') && name.ends_with(".tmp.safetensors")) {
            temporaries.push_back(entry.path().string());
          } else if (const std::optional<DflashPath> path = dflash_path(relative + name)) {
            const std::uintmax_t bytes = entry.file_size(unknown);
            entries.push_back({entry.path().string(), *path, unknown ? 0 : bytes});
          }
        }
      };
  walk(folder, "", 0);
}

DflashSnapshot DflashStore::read(std::size_t index) const {
  const Entry& entry = entries[index];
  DflashSnapshot snapshot = read_dflash_snapshot(SafetensorsFile::open(entry.path));
  const auto differ = [](const std::string& what) { throw Error(ErrorKind::unreadable, what); };
  if (dflash_runtime_folder(snapshot.schema, snapshot.runtime) != entry.name.runtime)
    differ(fmt::format("it says that dflash-mlx {} with schema {} wrote it, but its folder is that of another version",
                       printable(snapshot.runtime), snapshot.schema));
  if (dflash_key_folder(snapshot) != entry.name.key)
    differ("it says that it is of another model or other settings than its folder");
  if (static_cast<std::int64_t>(snapshot.ids.size()) != entry.name.tokens)
    differ(fmt::format("it has {} tokens, and its name says {}", snapshot.ids.size(), entry.name.tokens));
  if (dflash_token_hash(snapshot.ids) != entry.name.token_hash) differ("its tokens are not those that its name is made of");
  if (snapshot.kind != entry.name.kind) differ(fmt::format("it says {}, and its name {}", snapshot.kind, entry.name.kind));
  return snapshot;
}

std::vector<DflashStore::Candidate> DflashStore::candidates(std::span<const std::int32_t> ids,
                                                            std::vector<std::string>& rejected) const {
  std::vector<Candidate> out;
  const auto n = static_cast<std::int64_t>(ids.size());
  std::map<std::int64_t, std::string> hashes;  // by length: many snapshots are of one prompt
  const auto hash_of = [&](std::int64_t length) -> const std::string& {
    std::string& hash = hashes[length];
    if (hash.empty()) hash = dflash_token_hash(ids.first(static_cast<std::size_t>(length)));
    return hash;
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const DflashPath& name = entries[i].name;
    const bool generation = name.kind == "generation";
    const bool named = name.tokens <= n && hash_of(name.tokens) == name.token_hash;
    // Only a header tells whether a generation has a sidecar, which may be where the prompts part.
    if (!named && !generation) continue;
    try {
      const DflashSnapshot snapshot = read(i);
      if (named) out.push_back({i, name.tokens, false, name.tokens < n || (!generation && snapshot.has_last_logits)});
      const auto boundary = static_cast<std::size_t>(snapshot.sidecar_boundary);
      if (boundary > 0 && boundary < snapshot.ids.size() && is_prefix(std::span(snapshot.ids).first(boundary), ids))
        out.push_back({i, snapshot.sidecar_boundary, true, true});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unreadable && error.kind() != ErrorKind::io) throw;
      if (std::error_code gone; error.kind() == ErrorKind::io && !fs::exists(entries[i].path, gone)) continue;
      if (named) rejected.push_back(fmt::format("{}: {}", entries[i].path, error.what()));
    }
  }
  // Of several of one length, the prefill: it is what the server would take.
  std::ranges::stable_sort(out, [&](const Candidate& a, const Candidate& b) {
    if (a.tokens != b.tokens) return a.tokens > b.tokens;
    return a.server_too && !b.server_too;
  });
  return out;
}

std::vector<std::optional<WindowSize>> DflashStore::windows(const DflashSnapshot& snapshot) const {
  std::vector<DflashSnapshot> siblings;
  const std::string key = dflash_key_folder(snapshot);
  for (std::size_t i = 0; i < entries.size() && siblings.size() < most_siblings; ++i) {
    if (entries[i].name.key != key) continue;
    try {
      DflashSnapshot sibling = read(i);
      if (is_prefix(sibling.ids, snapshot.ids) || is_prefix(snapshot.ids, sibling.ids)) siblings.push_back(std::move(sibling));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }
  std::vector<const DflashSnapshot*> pointers;
  pointers.reserve(siblings.size());
  for (const DflashSnapshot& sibling : siblings) pointers.push_back(&sibling);
  return proven_windows(pointers);
}

}  // namespace kvcache::foreign
