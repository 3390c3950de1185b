#include "foreign/omlx/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "foreign/file_names.h"
#include "foreign/little_endian.h"
#include "foreign/row_tools.h"

namespace kvcache::foreign::omlx {
namespace {

namespace fs = std::filesystem;

// root / model / _gdn_sidecars / settings / file, and snapshots a level deeper.
constexpr int most_levels = 6;

std::string_view stem_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.find('.'));
}

bool is_digit_folder(std::string_view name) {
  return is_hex(name, 1);
}

bool is_special(std::string_view name) {
  return name.starts_with('_') || name.starts_with('.') || name == "vision_features" || name == "dflash_l2";
}

/// Folders 0 to f, one of which has a file of a block.
bool has_blocks(const std::string& folder, const std::vector<std::string>& folders) {
  // A hostile folder may have blocks without end: a few names of each tell enough.
  constexpr int most_names = 64;
  for (const std::string& name : folders) {
    if (!is_digit_folder(name)) continue;
    std::error_code error;
    int names = 0;
    for (fs::directory_iterator it(fmt::format("{}/{}", folder, name), error), end; !error && it != end && names < most_names;
         it.increment(error), ++names) {
      const std::string file = it->path().filename().string();
      if (is_hex(std::string_view(file).substr(0, hash_digits), hash_digits) && file.starts_with(name)) return true;
    }
  }
  return false;
}

void walk(const std::string& folder, const std::string& relative, int levels, std::vector<Item>& out) {
  if (levels == 0) return;
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) entries.push_back(*it);
  std::sort(entries.begin(), entries.end());
  for (const fs::directory_entry& entry : entries) {
    std::error_code unknown;
    const std::string name = entry.path().filename().string();
    const std::string below = relative.empty() ? name : fmt::format("{}/{}", relative, name);
    if (entry.is_symlink(unknown)) continue;
    if (entry.is_directory(unknown)) {
      if (name != "dflash_l2") walk(fmt::format("{}/{}", folder, name), below, levels - 1, out);
      continue;
    }
    if (!entry.is_regular_file(unknown)) continue;
    Item item{fmt::format("{}/{}", folder, name), Item::Kind::other};
    switch (role_of(below)) {
      case Role::block:
        item.kind = Item::Kind::entry;
        break;
      case Role::gdn:
      case Role::tokens:
      case Role::text:
        item.kind = Item::Kind::sidecar;
        break;
      case Role::temporary:
        item.kind = Item::Kind::temporary;
        break;
      case Role::other:
        break;
    }
    out.push_back(std::move(item));
  }
}

}  // namespace

Role role_of(std::string_view relative) {
  const std::size_t slash = relative.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? relative : relative.substr(slash + 1);
  std::string_view above = slash == std::string_view::npos ? std::string_view() : relative.substr(0, slash);
  const auto is_below = [&](std::string_view special) {
    for (std::string_view rest = above; !rest.empty();) {
      const std::size_t end = rest.find('/');
      if (rest.substr(0, end) == special) return true;
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return false;
  };
  if (is_below("_boundary_snapshots")) return Role::temporary;
  if (is_below("vision_features")) return Role::other;
  if (name.ends_with("_tmp.safetensors") || name.ends_with(".part") || name.ends_with(".inspection-tmp"))
    return Role::temporary;
  const std::size_t dot = name.find('.');
  if (dot != hash_digits || !is_hex(name.substr(0, dot), hash_digits)) return Role::other;
  const std::string_view extension = name.substr(dot);
  if (is_below("_gdn_sidecars")) return extension == ".safetensors" ? Role::gdn : Role::other;
  const std::size_t last = above.rfind('/');
  const std::string_view folder = last == std::string_view::npos ? above : above.substr(last + 1);
  if (!is_digit_folder(folder)) return Role::other;
  if (extension == ".safetensors") return Role::block;
  if (extension == ".tokens") return Role::tokens;
  if (extension == ".txt") return Role::text;
  return Role::other;
}

bool is_block_folder(const FolderLook& folder) {
  if (has_blocks(folder.path, folder.folders)) return true;
  // A level of models, which has nothing else beside them: then each is one, and their sidecars may be beside them.
  int models = 0;
  for (const std::string& name : folder.folders) {
    if (is_special(name)) continue;
    constexpr int most_models = 1000;
    if (++models > most_models || !has_blocks(folder.at(name), folders_in(folder.at(name)))) return false;
  }
  return models > 0;
}

std::vector<Item> items_in(const std::string& folder) {
  std::vector<Item> out;
  walk(folder, {}, most_levels, out);
  return out;
}

FolderIndex::FolderIndex(const std::string& folder) {
  for (Item& item : items_in(folder)) {
    const std::string_view relative = std::string_view(item.path).substr(folder.size() + 1);
    const Role role = role_of(relative);
    if (role == Role::block) blocks_.push_back(std::move(item.path));
    if (role == Role::tokens) tokens_.push_back(std::move(item.path));
    if (role == Role::gdn) gdn_.push_back(std::move(item.path));
  }
  // Models may be a level of the folder that was asked for, and state beside the folder of one.
  if (gdn_.empty()) {
    const fs::path above = fs::path(folder).parent_path() / "_gdn_sidecars";
    std::vector<Item> beside;
    std::error_code error;
    if (fs::is_directory(above, error)) walk(above.string(), "_gdn_sidecars", 3, beside);
    for (Item& item : beside)
      if (item.kind == Item::Kind::sidecar) gdn_.push_back(std::move(item.path));
  }
  const auto index = [](const std::vector<std::string>& paths, auto& map) {
    for (std::size_t i = 0; i < paths.size(); ++i) map.emplace(stem_of(paths[i]), static_cast<std::uint32_t>(i));
  };
  index(blocks_, block_of_);
  index(tokens_, tokens_of_);
  index(gdn_, gdn_of_);
}

const std::string* FolderIndex::block(std::string_view hash) const {
  const auto found = block_of_.find(hash);
  return found == block_of_.end() ? nullptr : &blocks_[found->second];
}

const std::string* FolderIndex::tokens(std::string_view hash) const {
  const auto found = tokens_of_.find(hash);
  return found == tokens_of_.end() ? nullptr : &tokens_[found->second];
}

std::vector<std::string> FolderIndex::gdn(std::string_view hash) const {
  std::vector<std::string> out;
  const auto [first, last] = gdn_of_.equal_range(hash);
  for (auto it = first; it != last; ++it) out.push_back(gdn_[it->second]);
  std::ranges::sort(out);
  return out;
}

}  // namespace kvcache::foreign::omlx
