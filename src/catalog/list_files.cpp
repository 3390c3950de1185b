#include "catalog/list_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <thread>

#include "catalog/find_files.h"
#include "catalog/foreign_places.h"
#include "format/recognise.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "platform/in_order.h"
#include "safetensors/damaged_header.h"

namespace kvcache::catalog {
namespace {

namespace fs = std::filesystem;

std::string value_of(const Metadata& metadata, const std::string& key) {
  const auto it = metadata.find(key);
  return it == metadata.end() ? std::string() : it->second;
}

bool describe_block(const Header& header, ListedFile& file) {
  if (!detail::is_omlx_block(header)) return false;
  const Metadata& metadata = header.metadata;
  file.recognised = true;
  file.kind = ListedFile::Kind::block;
  file.format = "omlx block";
  file.model = value_of(metadata, "model_name");
  const std::string tokens = value_of(metadata, "token_count");
  if (!tokens.empty() && tokens.size() < 12 && tokens.find_first_not_of("0123456789") == std::string::npos)
    file.tokens = std::stoll(tokens);
  file.verdict = "part of a paged cache";
  return true;
}

void describe_cache(const Document& document, bool read_stamped, ListedFile& file) {
  file.kind = ListedFile::Kind::cache;
  file.format = document.format == nullptr ? "mixed" : std::string(document.format->id);
  file.model = value_of(document.cache.metadata, "model");
  file.tokens = token_count(document.cache);
  file.recognised = detail::is_surely_prompt_cache(document.file.header());
  file.verdict = "ok";
  Findings findings = check(document);
  if (read_stamped) std::ranges::move(check_stamp(document, {}), std::back_inserter(findings));
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::error && !file.verdict.starts_with("errors"))
      file.verdict = fmt::format("errors ({})", finding.code);
    if (finding.severity == Severity::warning && file.verdict == "ok") file.verdict = "warnings";
  }
  if (const Finding* const proof = proof_of_damage(document, findings)) {
    file.verdict = fmt::format("errors ({})", proof->code);
    file.damaged = true;
  }
}

/// A file that no reader takes: whose it is may still be in its header.
void describe_broken(const Error& error, const ByteSource* source, ListedFile& file) {
  file.kind = ListedFile::Kind::broken;
  file.verdict = error.what();
  if (error.kind() == ErrorKind::io || source == nullptr) return;
  if (const std::string what = detail::something_else(*source, error.code(), is_named_as_cache(file.path)); !what.empty()) {
    file.kind = ListedFile::Kind::other;
    file.verdict = what;
    return;
  }
  const std::optional<Header> header = detail::read_damaged_header(*source);
  if (!header) return;
  const bool block = detail::is_omlx_block(*header);
  file.model = value_of(header->metadata, block ? "model_name" : "model");
  file.recognised = block || detail::is_surely_prompt_cache(*header);
  file.damaged = proves_damage(error.code());
}

void describe(SafetensorsFile container, bool read_stamped, ListedFile& file) {
  if (!describe_block(container.header(), file)) describe_cache(decode(std::move(container)), read_stamped, file);
}

/// Nothing for what cannot be read again: a pipe, and what is gone meanwhile.
std::shared_ptr<const ByteSource> source_of(const std::string& path) {
  try {
    return file_source(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    return nullptr;
  }
}

void describe_on_disk(ListedFile& file) {
  std::error_code error;
  file.bytes = fs::file_size(file.path, error);
  if (error) file.bytes = 0;
  const auto written = fs::last_write_time(file.path, error);
  if (!error)
    file.modified = std::chrono::time_point_cast<std::chrono::system_clock::duration>(std::chrono::file_clock::to_sys(written));
}

}  // namespace

std::size_t list_workers() noexcept {
  return 2 * std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

void list_source(ListedFile& file, const std::function<std::shared_ptr<const ByteSource>()>& open, bool read_stamped) {
  std::shared_ptr<const ByteSource> source;
  try {
    source = open();
    describe(SafetensorsFile::open(source, file.path), read_stamped, file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    describe_broken(error, source.get(), file);
  }
}

namespace {

/// An entry of another project, as a line of the list.
ListedFile listed(const foreign::Place& place, foreign::Entry entry) {
  using Kind = foreign::Item::Kind;
  ListedFile file;
  file.path = std::move(entry.item.path);
  file.model = std::move(entry.model);
  file.tokens = entry.tokens;
  file.bytes = entry.bytes;
  file.modified = entry.modified;
  file.verdict = std::move(entry.verdict);
  file.recognised = true;
  const std::string id(place.format->id);
  switch (entry.item.kind) {
    case Kind::entry:
      file.kind = !entry.readable     ? ListedFile::Kind::broken
                  : entry.whole_cache ? ListedFile::Kind::cache
                                      : ListedFile::Kind::block;
      file.format = entry.whole_cache ? id : id + " block";
      break;
    case Kind::sidecar:
      file.kind = ListedFile::Kind::sidecar;
      file.format = id + " sidecar";
      break;
    case Kind::temporary:
      file.kind = ListedFile::Kind::temporary;
      file.format = id + " temporary";
      break;
    default:
      file.kind = ListedFile::Kind::other;
      break;
  }
  return file;
}

}  // namespace

ListedFile list_file(const std::string& path, bool read_stamped) {
  ListedFile file;
  file.path = path;
  describe_on_disk(file);
  try {
    describe(SafetensorsFile::open(path), read_stamped, file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    describe_broken(error, error.kind() == ErrorKind::io ? nullptr : source_of(path).get(), file);
  }
  return file;
}

std::vector<Found> list_files(const std::vector<std::string>& places, const std::function<void(ListedFile)>& take) {
  std::vector<std::string> paths;
  std::vector<Found> unreadable;
  std::vector<foreign::Place> theirs;
  for (const std::string& place : places) {
    std::error_code error;
    const fs::file_status status = fs::status(place, error);
    if (!fs::exists(status)) throw Error(ErrorKind::io, fmt::format("cannot be read: {}", error.message()));
    if (!fs::is_directory(status)) {
      // A file that is one entry of another project; a block is listed alike with and without its folder.
      const std::optional<foreign::Place> one = is_named_as_cache(place) ? std::nullopt : foreign::place_of(place);
      if (one)
        theirs.push_back(*one);
      else
        paths.push_back(place);
      continue;
    }
    const ForeignPlaces found_places = foreign_places(place);
    theirs.insert(theirs.end(), found_places.places.begin(), found_places.places.end());
    for (Found& found : find_files(place, found_places.folders)) {
      if (found.error.empty())
        paths.push_back(std::move(found.path));
      else
        unreadable.push_back(std::move(found));
    }
  }
  detail::in_order<ListedFile>(
      paths.size(), list_workers(), [&](std::size_t i) { return list_file(paths[i]); },
      [&](std::size_t, ListedFile file) { take(std::move(file)); });
  for (const foreign::Place& place : theirs)
    foreign::list_entries(place, [&](foreign::Entry entry) {
      if (!entry.vanished) take(listed(place, std::move(entry)));
    });
  return unreadable;
}

}  // namespace kvcache::catalog
