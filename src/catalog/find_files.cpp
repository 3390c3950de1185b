#include "catalog/find_files.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <set>

#include "catalog/exclusions.h"
#include "kvcache/error.h"
#include "platform/file.h"
#include "platform/list_folder.h"
#include "platform/text_file.h"

namespace kvcache::catalog {
namespace {

namespace fs = std::filesystem;
using detail::EntryType;

bool starts_with_gzip_magic(const std::string& path) {
  try {
    std::array<std::byte, 2> magic{};
    return detail::File::open_input(path).read_some(magic) == magic.size() && magic[0] == std::byte{0x1F} &&
           magic[1] == std::byte{0x8B};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    return false;  // whatever it is, it is not ours to read
  }
}

bool ends_with(std::string_view name, std::string_view ending) {
  // A name that is nothing but an ending is that of a hidden file.
  if (name.size() <= ending.size()) return false;
  return std::ranges::equal(name.substr(name.size() - ending.size()), ending,
                            [](char c, char wanted) { return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == wanted; });
}

// By its name: a cache that was cut to nothing is a broken cache, not none.
bool is_name_of_a_cache(std::string_view name) {
  return ends_with(name, ".safetensors") || ends_with(name, ".safetensors.gz");
}

// A link that leads nowhere, or round in a circle.
bool is_dangling(const std::string& link) {
  std::error_code error;
  const fs::file_status target = fs::status(link, error);
  return target.type() == fs::file_type::not_found || target.type() == fs::file_type::none;
}

/// What a folder's own listing tells of an entry: of 10,000 files none is asked for it again, but links.
struct Entry {
  std::string name;
  EntryType type;
};

class Search {
 public:
  Search(std::vector<Found>& out, const std::set<std::string>& leave_out) : out_(out), leave_out_(leave_out) {}

  /// `prefix`: of the paths in it, with a slash at its end unless it is empty. `below`: the same from where the search began.
  void walk(const std::string& folder, const std::string& prefix, const std::string& below, const Exclusions& outer) {
    if (leave_out_.contains(folder)) return;
    std::vector<Entry> entries;
    bool ignores = false;
    const std::error_code error = detail::list_folder(folder, [&](std::string_view name, EntryType type) {
      ignores = ignores || name == ignore_file;
      if (type == EntryType::folder || is_name_of_a_cache(name) || ends_with(name, ".gz"))
        entries.push_back({std::string(name), type});
      return true;
    });
    if (error) out_.push_back({folder, error.message()});
    std::ranges::sort(entries, {}, &Entry::name);
    if (!ignores) return look_at(entries, prefix, below, outer);
    const detail::TextLimit limit{std::uint64_t{1} << 20U, ErrorKind::unreadable, "name folders rather than each file"};
    try {
      look_at(entries, prefix, below, outer.with_file(detail::read_text_file(prefix + std::string(ignore_file), limit), below));
    } catch (const Error& unreadable) {
      // What it would leave out is not known.
      out_.push_back({prefix + std::string(ignore_file), unreadable.what()});
    }
  }

 private:
  void look_at(const std::vector<Entry>& entries, const std::string& prefix, const std::string& below,
               const Exclusions& exclusions) {
    for (const auto& [name, type] : entries) {
      const bool is_folder = type == EntryType::folder;
      std::string path = prefix + name;
      if (!exclusions.empty() && exclusions.leaves_out(below + name, is_folder)) continue;
      if (is_folder)
        walk(path, path + '/', below + name + '/', exclusions);
      else if (is_cache_file(path, name, type))
        out_.push_back({std::move(path), {}, below + name, type == EntryType::file});
    }
  }

  static bool is_cache_file(const std::string& path, const std::string& name, EntryType type) {
    if (type == EntryType::link) {
      if (is_name_of_a_cache(name) && is_dangling(path)) return true;
      std::error_code error;
      if (!fs::is_regular_file(path, error)) return false;
    } else if (type != EntryType::file) {
      return false;
    }
    return is_name_of_a_cache(name) || starts_with_gzip_magic(path);
  }

  std::vector<Found>& out_;
  const std::set<std::string>& leave_out_;
};

}  // namespace

bool is_named_as_cache(const std::string& path) {
  return is_name_of_a_cache(std::string_view(path).substr(path.rfind('/') + 1));
}

std::vector<Found> find_files(const std::string& folder, const std::vector<std::string>& exclude,
                              const std::set<std::string>& leave_out) {
  std::vector<Found> out;
  const std::string prefix = folder.empty() || folder.ends_with('/') ? folder : folder + '/';
  Search(out, leave_out).walk(folder.empty() ? "." : folder, prefix, {}, Exclusions(exclude));
  return out;
}

}  // namespace kvcache::catalog
