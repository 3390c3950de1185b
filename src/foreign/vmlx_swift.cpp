// vmlx-swift (osaurus): the row of it.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "foreign/file_names.h"
#include "foreign/format_rows.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "foreign/row_tools.h"
#include "foreign/vmlx_swift_file.h"
#include "kvcache/caches.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace vmlx_swift {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view index_name = "cache_index.db";

bool is_prompt_name(std::string_view name) {
  return name.ends_with(safetensors_ending) && is_hex(name.substr(0, name.size() - safetensors_ending.size()), 32);
}

bool owns_folder(const FolderLook& folder) {
  if (!folder.has_file(index_name)) return false;
  for (const std::string& name : folder.files) {
    if (!is_prompt_name(name)) continue;
    try {
      return is_vmlx_swift_file(SafetensorsFile::open(folder.at(name)).header());
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }
  return false;
}

bool owns_file(const FileLook& file) {
  return file.header != nullptr && is_vmlx_swift_file(*file.header);
}

std::vector<Item> items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  for (const std::string& name : files_in(place.path)) {
    Item::Kind kind = Item::Kind::other;
    if (is_prompt_name(name)) kind = Item::Kind::entry;
    if (name.starts_with("ssm-")) kind = Item::Kind::sidecar;
    if (name.starts_with(index_name)) kind = Item::Kind::index;
    out.push_back({place.path + "/" + name, kind});
  }
  return out;
}

std::string kinds_in_words(const VmlxSwiftFile& file) {
  std::map<std::string, std::size_t> counts;
  for (const std::int64_t kind : file.kinds) ++counts[VmlxSwiftFile::kind_name(kind)];
  std::vector<std::string> words;
  words.reserve(counts.size());
  for (const auto& [name, n] : counts) words.push_back(fmt::format("{} {}", n, name));
  return fmt::format("{}", fmt::join(words, ", "));
}

Entry look(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    const VmlxSwiftFile file = read_vmlx_swift_file(SafetensorsFile::open(item.path));
    entry.version = std::to_string(file.version);
    entry.tokens = file.tokens;
    entry.settings = {{"layers", kinds_in_words(file)}};
  });
}

/// Keys and values of one model have one dtype. A server that has promoted some layers to F32 has cached them so.
void check_dtypes(const std::vector<std::unique_ptr<Cache>>& layers, Report& report) {
  std::map<Dtype, std::size_t> counts;
  for (const auto& layer : layers)
    if (const std::optional<Dtype> dtype = layer->facts().dtype) ++counts[*dtype];
  if (counts.size() < 2) return;
  std::vector<std::string> words;
  words.reserve(counts.size());
  for (const auto& [dtype, n] : counts) words.push_back(fmt::format("{} of {}", n, name(dtype)));
  add_finding(report, "KV311", fmt::format("keys and values are of several dtypes: {}", fmt::join(words, ", ")));
}

Report check(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) {
    Report report;
    report.path = item.path;
    return report;
  }
  return checked(item.path, [&](Report& report) {
    const VmlxSwiftFile file = read_vmlx_swift_file(SafetensorsFile::open(item.path));
    const std::vector<std::unique_ptr<Cache>> layers = file.restore();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::optional<std::int64_t> tokens = layers[i]->facts().tokens;
      if (tokens && *tokens != file.tokens)
        add_finding(report, "KV502", fmt::format("it holds {} tokens, and the layers before it {}", *tokens, file.tokens),
                    fmt::format("layer {}", i));
    }
    check_dtypes(layers, report);
  });
}

std::vector<Report> check_place(const Place&, std::span<const Item>) {
  return {};
}

Restored restored(const VmlxSwiftFile& file) {
  Restored out;
  out.entry = file.file.path();
  try {
    out.cache.layers = file.restore();
    out.outcome = Restored::Outcome::restored;
  } catch (const Error& error) {
    refuse(out, error);
  }
  return out;
}

Restored restore_from(const Place& place, const Query& query) {
  if (place.is_file) {
    const VmlxSwiftFile file = read_vmlx_swift_file(SafetensorsFile::open(place.path));
    const std::string stem = fs::path(place.path).stem().string();
    const bool fits = query.tokens.empty() || static_cast<std::int64_t>(query.tokens.size()) >= file.tokens;
    Restored out;
    if (!fits) {
      out.why = fmt::format("the file is of {} tokens", file.tokens);
      return out;
    }
    const std::span<const std::int32_t> ids = query.tokens.empty()
                                                  ? std::span<const std::int32_t>()
                                                  : std::span(query.tokens).first(static_cast<std::size_t>(file.tokens));
    if (!ids.empty() && !query.model_name.empty() && is_hex(stem, 32) && stem != vmlx_swift_stem(query.model_name, {}, ids)) {
      out.why = "these are not the tokens of this cache, or it is of another model: its name is made of both";
      return out;
    }
    out = restored(file);
    if (!ids.empty() && query.model_name.empty())
      out.notes.emplace_back(
          "the ids are not proved: the server's key of the model, as its name, proves them by the name of the file");
    out.ids.assign(ids.begin(), ids.end());
    return out;
  }
  Restored out;
  if (query.model_name.empty()) {
    out.outcome = Restored::Outcome::refused;
    out.why = "files are called by the model and the tokens, and neither is in them";
    out.remedy = Remedy(Remedy::Action::repeat, {{"model_name", "NAME"}}) + ": the server's key of the model";
    return out;
  }
  // Only the lengths that some file has are worth a hash.
  std::set<std::string> names;
  for (const Item& item : items(place))
    if (item.kind == Item::Kind::entry) names.insert(fs::path(item.path).stem().string());
  std::set<std::int64_t, std::greater<>> lengths;
  for (const std::string& stem : names) {
    const Entry entry = look(place, {place.path + "/" + stem + std::string(safetensors_ending), Item::Kind::entry});
    if (entry.readable && entry.tokens > 0 && entry.tokens <= static_cast<std::int64_t>(query.tokens.size()))
      lengths.insert(entry.tokens);
  }
  for (const std::int64_t length : lengths) {
    const std::span<const std::int32_t> ids = std::span(query.tokens).first(static_cast<std::size_t>(length));
    const std::string stem = vmlx_swift_stem(query.model_name, {}, ids);
    if (!names.contains(stem)) continue;
    out = restored(read_vmlx_swift_file(SafetensorsFile::open(place.path + "/" + stem + std::string(safetensors_ending))));
    out.cache.metadata["model"] = query.model_name;
    out.ids.assign(ids.begin(), ids.end());
    return out;
  }
  out.why = fmt::format("no file here is of {} and of tokens that this prompt begins with", printable(query.model_name));
  return out;
}

std::vector<Prompt> prompts(const Place&) {
  return {};
}

}  // namespace
}  // namespace vmlx_swift

const Format vmlx_swift_format = {"vmlx-swift",
                                  "vmlx-swift (osaurus)",
                                  "2",
                                  vmlx_swift::owns_folder,
                                  vmlx_swift::owns_file,
                                  vmlx_swift::items,
                                  vmlx_swift::look,
                                  vmlx_swift::check,
                                  vmlx_swift::check_place,
                                  vmlx_swift::restore_from,
                                  vmlx_swift::prompts,
                                  nullptr};

}  // namespace kvcache::foreign
