#include "cli/find_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

bool starts_with_gzip_magic(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() == 0x1F && file.get() == 0x8B;
}

bool looks_like_a_cache(const fs::path& path) {
  return path.extension() == ".safetensors" || (path.extension() == ".gz" && starts_with_gzip_magic(path));
}

void walk(const fs::path& folder, std::vector<Found>& out) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) entries.push_back(it->path());
  if (error) out.push_back({folder.string(), error.message()});
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    std::error_code unknown;
    if (fs::is_directory(fs::symlink_status(entry, unknown)))
      walk(entry, out);
    else if (fs::is_regular_file(fs::status(entry, unknown)) && looks_like_a_cache(entry))
      out.push_back({entry.string(), {}});
  }
}

}  // namespace

std::vector<Found> find_files(const std::string& folder) {
  std::vector<Found> out;
  walk(folder, out);
  return out;
}

}  // namespace kvcache::cli
