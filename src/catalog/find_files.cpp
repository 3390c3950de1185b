#include "catalog/find_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace kvcache::catalog {
namespace {

namespace fs = std::filesystem;

bool starts_with_gzip_magic(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() == 0x1F && file.get() == 0x8B;
}

// By its name: a cache that was cut to nothing is a broken cache, not none.
bool is_named_as_a_cache(const fs::path& path) {
  return path.extension() == ".safetensors" || (path.extension() == ".gz" && path.stem().extension() == ".safetensors");
}

bool looks_like_a_cache(const fs::path& path) {
  return is_named_as_a_cache(path) || (path.extension() == ".gz" && starts_with_gzip_magic(path));
}

// A link that leads nowhere, or round in a circle.
bool is_dangling(const fs::path& link) {
  std::error_code error;
  const fs::file_status target = fs::status(link, error);
  return target.type() == fs::file_type::not_found || target.type() == fs::file_type::none;
}

void walk(const fs::path& folder, const std::set<std::string>& leave_out, std::vector<Found>& out) {
  if (leave_out.contains(folder.string())) return;
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) entries.push_back(*it);
  if (error) out.push_back({folder.string(), error.message()});
  std::sort(entries.begin(), entries.end());
  for (const fs::directory_entry& entry : entries) {
    // The entry knows its type from reading the folder: of 10,000 files none is asked for it again, but links.
    std::error_code unknown;
    const fs::path& path = entry.path();
    if (!entry.is_symlink(unknown) && entry.is_directory(unknown))
      walk(path, leave_out, out);
    else if ((entry.is_regular_file(unknown) && looks_like_a_cache(path)) ||
             (is_named_as_a_cache(path) && entry.is_symlink(unknown) && is_dangling(path)))
      out.push_back({path.string(), {}});
  }
}

}  // namespace

bool is_named_as_cache(const std::string& path) {
  return is_named_as_a_cache(path);
}

std::vector<Found> find_files(const std::string& folder, const std::set<std::string>& leave_out) {
  std::vector<Found> out;
  walk(folder, leave_out, out);
  return out;
}

}  // namespace kvcache::catalog
