#include "cli/list_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "cli/find_files.h"
#include "cli/parallel.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

std::string value_of(const Metadata& metadata, const std::string& key) {
  const auto it = metadata.find(key);
  return it == metadata.end() ? std::string() : it->second;
}

/// omlx keeps blocks of a paged cache as safetensors files with plain metadata.
bool describe_block(const Metadata& metadata, ListedFile& file) {
  if (!metadata.contains("omlx_cache_format_version")) return false;
  file.kind = ListedFile::Kind::block;
  file.format = "omlx block";
  file.model = value_of(metadata, "model_name");
  const std::string tokens = value_of(metadata, "token_count");
  if (!tokens.empty() && tokens.size() < 12 && tokens.find_first_not_of("0123456789") == std::string::npos)
    file.tokens = std::stoll(tokens);
  file.verdict = "part of a paged cache";
  return true;
}

void describe_cache(const Document& document, ListedFile& file) {
  file.kind = ListedFile::Kind::cache;
  file.format = document.format == nullptr ? "mixed" : std::string(document.format->id);
  file.model = value_of(document.cache.metadata, "model");
  file.tokens = token_count(document.cache);
  file.verdict = "ok";
  for (const Finding& finding : check(document)) {
    if (finding.severity == Severity::error) {
      file.verdict = fmt::format("errors ({})", finding.code);
      return;
    }
    if (finding.severity == Severity::warning) file.verdict = "warnings";
  }
}

ListedFile look(const std::string& path) {
  ListedFile file;
  file.path = path;
  std::error_code error;
  file.bytes = fs::file_size(path, error);
  if (error) file.bytes = 0;
  const auto written = fs::last_write_time(path, error);
  if (!error)
    file.modified = std::chrono::time_point_cast<std::chrono::system_clock::duration>(std::chrono::file_clock::to_sys(written));
  try {
    SafetensorsFile container = SafetensorsFile::open(path);
    if (!describe_block(container.header().metadata, file)) describe_cache(decode(std::move(container)), file);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::interrupted) throw;
    file.kind = e.code() == "KV122" ? ListedFile::Kind::other : ListedFile::Kind::broken;
    file.verdict = e.what();
  }
  return file;
}

}  // namespace

void list_files(const std::vector<std::string>& places, const std::function<void(ListedFile)>& take) {
  std::vector<std::string> paths;
  for (const std::string& place : places) {
    std::error_code error;
    const fs::file_status status = fs::status(place, error);
    if (!fs::exists(status)) throw Error(ErrorKind::io, fmt::format("cannot be read: {}", error.message()));
    if (!fs::is_directory(status)) {
      paths.push_back(place);
      continue;
    }
    for (const Found& found : find_files(place)) {
      if (!found.error.empty()) throw Error(ErrorKind::io, fmt::format("{}: {}", printable(found.path, 200), found.error));
      paths.push_back(found.path);
    }
  }
  // Headers of a cold disk: waiting, not computing, takes the time.
  const std::size_t workers = 2 * std::max(1U, std::thread::hardware_concurrency());
  in_order<ListedFile>(
      paths.size(), workers, [&](std::size_t i) { return look(paths[i]); },
      [&](std::size_t, ListedFile file) { take(std::move(file)); });
}

}  // namespace kvcache::cli
