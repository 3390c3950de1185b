#include "catalog/list_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <thread>

#include "catalog/foreign_places.h"
#include "common/count_of.h"
#include "foreign/header_fields.h"
#include "format/recognise.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "platform/file_times.h"
#include "platform/in_order.h"
#include "safetensors/damaged_header.h"
#include "safetensors/open_header.h"

namespace kvcache::catalog {
namespace {

namespace fs = std::filesystem;
using foreign::metadata_text;

bool describe_block(const Header& header, ListedFile& file) {
  if (!detail::is_omlx_block(header)) return false;
  const Metadata& metadata = header.metadata;
  file.recognised = true;
  file.kind = ListedFile::Kind::block;
  file.format = "omlx block";
  file.model = metadata_text(metadata, "model_name");
  const std::string tokens = metadata_text(metadata, "token_count");
  if (!tokens.empty() && tokens.size() < 12 && tokens.find_first_not_of("0123456789") == std::string::npos)
    file.tokens = std::stoll(tokens);
  file.verdict = "part of a paged cache";
  return true;
}

/// "F16", or what most of it takes where layers are quantized. In a list: what its children are.
class Elements {
 public:
  void add(const Cache& cache) {
    if (const auto* list = as<CacheList>(cache)) {
      for (const auto& child : list->children()) add(*child);
      return;
    }
    if (cache.empty()) return;
    if (const auto* quantized = as<QuantizedKVCache>(cache)) {
      fewest(quantized->state().bits);
      return;
    }
    // Of others the first of a class tells all: layers of one model have one dtype.
    if (std::ranges::find(seen_, cache.class_name()) != seen_.end()) return;
    seen_.push_back(cache.class_name());
    const Facts facts = cache.facts();
    if (facts.bits) fewest(*facts.bits);
    if (facts.dtype && !dtype_) dtype_ = facts.dtype;
  }
  void describe(ListedFile& file) const {
    file.bits = bits_;
    if (bits_ > 0)
      file.elements = detail::count_of(static_cast<std::uint64_t>(bits_), "bit");
    else if (dtype_)
      file.elements = name(*dtype_);
  }

 private:
  void fewest(std::int64_t bits) {
    if (bits_ == 0 || bits < bits_) bits_ = bits;
  }

  std::vector<std::string_view> seen_;
  std::int64_t bits_ = 0;
  std::optional<Dtype> dtype_;
};

/// One that cannot be read is a finding of verify.
void describe_stamp(const PromptCache& cache, ListedFile& file) {
  if (!cache.metadata.contains(std::string(stamp_key))) return;
  try {
    const std::optional<Stamp> stamp = find_stamp(cache);
    const auto digest = stamp->model_sha256.find("config.json");
    if (digest != stamp->model_sha256.end()) file.config_sha256 = digest->second;
    if (stamp->crc32) file.stamp.emplace_back("checksums");
    if (!stamp->model_sha256.empty()) file.stamp.emplace_back("model");
    if (stamp->tokens) file.stamp.emplace_back("tokens");
    if (stamp->text) file.stamp.emplace_back("text");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
  }
}

void describe_layers(const Document& document, ListedFile& file) {
  Elements elements;
  std::vector<std::string_view> classes;
  for (const auto& layer : document.cache.layers) {
    elements.add(*layer);
    const std::string_view name = layer->class_name();
    if (std::ranges::find(classes, name) != classes.end()) continue;
    classes.push_back(name);
    file.classes += file.classes.empty() ? "" : ", ";
    file.classes += name;
  }
  elements.describe(file);
}

void describe_cache(const Document& document, bool whole_files, ListedFile& file) {
  file.kind = ListedFile::Kind::cache;
  file.format = document.format == nullptr ? "mixed" : std::string(document.format->id);
  file.model = metadata_text(document.cache.metadata, "model");
  file.tokens = token_count(document.cache);
  file.recognised = detail::is_surely_prompt_cache(document.file.header());
  file.verdict = "ok";
  describe_layers(document, file);
  describe_stamp(document.cache, file);
  Findings findings = check(document);
  if (whole_files) std::ranges::move(check_stamp(document, {}), std::back_inserter(findings));
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
  file.model = metadata_text(header->metadata, block ? "model_name" : "model");
  file.recognised = block || detail::is_surely_prompt_cache(*header);
  file.damaged = proves_damage(error.code());
}

void describe(SafetensorsFile container, bool whole_files, ListedFile& file) {
  if (!describe_block(container.header(), file)) describe_cache(decode(std::move(container)), whole_files, file);
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

void describe_on_disk(const std::optional<detail::FileTimes>& times, ListedFile& file) {
  using std::chrono::system_clock;
  const auto point = [](std::int64_t nanoseconds) {
    return system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(std::chrono::nanoseconds(nanoseconds)));
  };
  if (!times) return;
  file.bytes = times->size;
  file.modified = point(times->modified);
  file.accessed = point(times->accessed);
}

}  // namespace

std::size_t list_workers() noexcept {
  return 2 * std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

void list_source(ListedFile& file, const std::function<std::shared_ptr<const ByteSource>()>& open, bool whole_files) {
  std::shared_ptr<const ByteSource> source;
  try {
    source = open();
    describe(SafetensorsFile::open(source, file.path), whole_files, file);
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

/// As find_files() names folders below the current one.
std::set<std::string> without_dots(const std::set<std::string>& folders) {
  std::set<std::string> out;
  for (const std::string& folder : folders) out.insert(folder.starts_with("./") ? folder.substr(2) : folder);
  return out;
}

}  // namespace

ListedFile list_file(const std::string& path, bool whole_files, bool is_regular) {
  ListedFile file;
  file.path = path;
  // Before it is read: of somebody else's file that may count as an access.
  std::optional<detail::FileTimes> times;
  if (whole_files) times = detail::file_times(path);
  try {
    describe(whole_files ? SafetensorsFile::open(path) : detail::open_header(path, is_regular, times), whole_files, file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    describe_broken(error, error.kind() == ErrorKind::io ? nullptr : source_of(path).get(), file);
  }
  describe_on_disk(times ? times : detail::file_times(path), file);
  return file;
}

std::vector<Found> list_files(const std::vector<std::string>& places, const ListOptions& options,
                              const std::function<void(ListedFile)>& take) {
  std::vector<Found> files;
  std::vector<Found> unreadable;
  std::vector<foreign::Place> theirs;
  for (const std::string& place : places) {
    std::error_code error;
    const fs::file_status status = fs::status(place.empty() ? "." : place, error);
    if (!fs::exists(status)) throw Error(ErrorKind::io, fmt::format("cannot be read: {}", error.message()));
    if (!fs::is_directory(status)) {
      // A file that is one entry of another project; a block is listed alike with and without its folder.
      const std::optional<foreign::Place> one = is_named_as_cache(place) ? std::nullopt : foreign::place_of(place);
      if (one)
        theirs.push_back(*one);
      else
        files.push_back({place, {}, place});
      continue;
    }
    ForeignPlaces found_places = foreign_places(place.empty() ? "." : place);
    if (place.empty()) found_places.folders = without_dots(found_places.folders);
    theirs.insert(theirs.end(), found_places.places.begin(), found_places.places.end());
    for (Found& found : find_files(place, options.exclude, found_places.folders))
      (found.error.empty() ? files : unreadable).push_back(std::move(found));
  }
  detail::in_order_by<ListedFile>(
      files_at_once, files.size(), list_workers(),
      [&](std::size_t i) { return list_file(files[i].path, options.whole_files, files[i].is_regular); },
      [&](std::size_t i, ListedFile file) {
        file.below = std::move(files[i].below);
        take(std::move(file));
      });
  for (const foreign::Place& place : theirs)
    foreign::list_entries(place, [&](foreign::Entry entry) {
      if (!entry.vanished) take(listed(place, std::move(entry)));
    });
  return unreadable;
}

}  // namespace kvcache::catalog
