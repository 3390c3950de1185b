#include "cli/render/listing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <span>

#include "cli/render/table.h"
#include "cli/terminal/width.h"
#include "cli/terminal/words.h"
#include "common/human.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

using catalog::ListedFile;
using std::chrono::system_clock;

std::string_view kind_name(const ListedFile& file) {
  switch (file.kind) {
    case ListedFile::Kind::cache:
      return "cache";
    case ListedFile::Kind::block:
      return file.format == "omlx block" ? "omlx block" : "block";
    case ListedFile::Kind::sidecar:
      return "sidecar";
    case ListedFile::Kind::temporary:
      return "temporary";
    case ListedFile::Kind::broken:
      return "broken";
    case ListedFile::Kind::other:
      break;
  }
  return "other";
}

struct Total {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

template <typename Key>
std::map<std::string, Total> totals_by(const std::vector<ListedFile>& files, const Key& key) {
  std::map<std::string, Total> totals;
  for (const ListedFile& file : files) {
    Total& total = totals[key(file)];
    ++total.files;
    total.bytes += file.bytes;
  }
  return totals;
}

std::map<std::string, Total> totals_by_model(const std::vector<ListedFile>& files) {
  return totals_by(files, [](const ListedFile& file) { return file.model; });
}

/// Of each folder that files lie in, without those below it; the largest first.
std::vector<std::pair<std::string, Total>> totals_by_folder(const Listing& listing) {
  const auto folder = [&](const ListedFile& file) {
    const std::string& name = listing.relative && !file.below.empty() ? file.below : file.path;
    const std::size_t slash = name.rfind('/');
    return slash == std::string::npos ? std::string(".") : name.substr(0, slash);
  };
  const auto totals = totals_by(listing.files, folder);
  std::vector<std::pair<std::string, Total>> out(totals.begin(), totals.end());
  std::ranges::stable_sort(out, std::ranges::greater(), [](const auto& entry) { return entry.second.bytes; });
  out.resize(std::min(out.size(), *listing.by_folder));
  return out;
}

std::uint64_t bytes_of(const std::vector<ListedFile>& files) {
  std::uint64_t bytes = 0;
  for (const ListedFile& file : files) bytes += file.bytes;
  return bytes;
}

std::span<const ListedFile> shown(const Listing& listing) {
  return std::span(listing.files).first(listing.shown);
}

std::int64_t seconds(system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::string ago(system_clock::time_point time, system_clock::time_point now) {
  return detail::human_age(std::chrono::duration_cast<std::chrono::seconds>(now - time));
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json duplicates_json(const std::vector<catalog::Duplicates>& found) {
  Json out = Json::array();
  for (const catalog::Duplicates& group : found)
    out.push_back({{"kind", catalog::kind_name(group.kind)},
                   {"by", group.by_stamp ? "stamps" : "arrays"},
                   {"tokens", group.tokens},
                   {"files", group.paths},
                   {"bytes", group.bytes}});
  return out;
}

/// What is said behind a name: what its stamp holds, and of one that is not fine, why.
std::string remark(const ListedFile& f) {
  const bool plain = f.verdict == "ok" || f.verdict == "warnings" || f.kind == ListedFile::Kind::block ||
                     f.kind == ListedFile::Kind::temporary;
  std::string out = f.stamp.empty() ? "" : fmt::format("stamped: {}", fmt::join(f.stamp, ", "));
  if (plain) return out;
  return (out.empty() ? "" : out + "; ") + printable(f.verdict);
}

std::string folders_text(const Listing& listing, const Style& style) {
  using Align = Table::Align;
  Table sums({{"folder", Align::left}, {"files", Align::right}, {"size", Align::right}}, 0);
  for (const auto& [folder, total] : totals_by_folder(listing))
    sums.add({shown_path(folder), std::to_string(total.files), human_bytes(static_cast<double>(total.bytes))});
  return listing.files.empty() ? "" : sums.text(style);
}

std::string totals_text(const Listing& listing, const Style& style) {
  using Align = Table::Align;
  std::string out;
  const auto totals = totals_by_model(listing.files);
  if (totals.size() > 1 && !listing.by_folder) {
    Table sums({{"model", Align::left}, {"files", Align::right}, {"size", Align::right}});
    for (const auto& [model, total] : totals)
      sums.add({model.empty() ? "(not named)" : printable(model, 48), std::to_string(total.files),
                human_bytes(static_cast<double>(total.bytes))});
    out += '\n' + sums.text(style);
  }
  if (!listing.files.empty()) out += '\n';
  std::string sum =
      fmt::format("{}, {}", count_of(listing.files.size(), "file"), human_bytes(static_cast<double>(bytes_of(listing.files))));
  if (listing.shown < listing.files.size()) sum += fmt::format("; {} of them shown", listing.shown);
  if (listing.passed_over > 0)
    sum += fmt::format("; {} more {} not asked for", listing.passed_over, listing.passed_over == 1 ? "was" : "were");
  if (listing.other > 0)
    sum += listing.other == 1 ? "; 1 more is no cache" : fmt::format("; {} more are no caches", listing.other);
  return out + hanging(sum, line_width(stdout)) + '\n';
}

/// Bytes of the files without which nothing would be lost, each once.
std::uint64_t bytes_to_spare(const Listing& listing) {
  std::set<std::string_view> spare;
  for (const catalog::Duplicates& group : *listing.duplicates) {
    const std::span<const std::string> paths(group.paths);
    const bool prefix = group.kind == catalog::Duplicates::Kind::prefix;
    for (const std::string& path : prefix ? paths.first(1) : paths.subspan(1)) spare.insert(path);
  }
  std::uint64_t bytes = 0;
  for (const ListedFile& file : listing.files)
    if (spare.contains(file.path)) bytes += file.bytes;
  return bytes;
}

std::string in_words(const catalog::Duplicates& group) {
  const std::string tokens = count_of(static_cast<std::uint64_t>(group.tokens), "token");
  const std::string by = group.by_stamp ? ", by their stamps" : "";
  switch (group.kind) {
    case catalog::Duplicates::Kind::bytes:
      return "the same arrays";
    case catalog::Duplicates::Kind::prompt:
      return fmt::format("the same prompt of {}{}", tokens, by);
    case catalog::Duplicates::Kind::prefix:
      break;
  }
  return fmt::format("{}, and more{}", tokens, by);
}

std::string duplicates_text(const Listing& listing, const Style& style) {
  if (listing.duplicates->empty())
    return hanging("no two hold the same bytes, the same prompt or one prompt and its beginning", line_width(stdout)) + '\n';
  const auto line = [](const std::string& text) { return hanging(text, line_width(stdout)) + '\n'; };
  std::string out;
  for (const catalog::Duplicates& group : *listing.duplicates) {
    out += line(style.bold(in_words(group)));
    const bool prefix = group.kind == catalog::Duplicates::Kind::prefix;
    for (std::size_t i = 0; i < group.paths.size(); ++i)
      out += line(fmt::format("  {}{}", shown_path(group.paths[i]), prefix && i == 0 ? ", which is the beginning of" : ""));
    if (group.more > 0) out += line(fmt::format("  and of {} more", group.more));
  }
  return out + '\n' +
         line(fmt::format("without copies and beginnings: {} less", human_bytes(static_cast<double>(bytes_to_spare(listing)))));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

Json file_json(const ListedFile& f) {
  Json out = Json::object();
  // Not as a list in braces, which makes an array of each pair first: there may be a million files.
  auto& fields = out.get_ref<Json::object_t&>();
  fields.reserve(13);
  fields.emplace_back("path", f.path);
  fields.emplace_back("kind", kind_name(f));
  fields.emplace_back("model", text_or_null(f.model));
  fields.emplace_back("format", text_or_null(f.format));
  fields.emplace_back("tokens", f.tokens);
  fields.emplace_back("bytes", f.bytes);
  fields.emplace_back("modified", seconds(f.modified));
  fields.emplace_back("accessed", f.accessed == system_clock::time_point() ? Json(nullptr) : Json(seconds(f.accessed)));
  fields.emplace_back("classes", text_or_null(f.classes));
  fields.emplace_back("elements", text_or_null(f.elements));
  fields.emplace_back("bits", f.bits == 0 ? Json(nullptr) : Json(f.bits));
  fields.emplace_back("stamp", f.stamp);
  fields.emplace_back("verdict", f.verdict);
  return out;
}

Json listing_json(const Listing& listing) {
  Json models = Json::array();
  for (const auto& [model, total] : totals_by_model(listing.files))
    models.push_back({{"model", text_or_null(model)}, {"files", total.files}, {"bytes", total.bytes}});
  Json out = {{"schema", "kvcache.ls/1"},
              {"files", Json::array()},
              {"models", std::move(models)},
              {"totals", {{"files", listing.files.size()}, {"bytes", bytes_of(listing.files)}, {"not_caches", listing.other}}}};
  if (listing.by_folder) {
    Json folders = Json::array();
    for (const auto& [folder, total] : totals_by_folder(listing))
      folders.push_back({{"folder", folder}, {"files", total.files}, {"bytes", total.bytes}});
    out["folders"] = std::move(folders);
  }
  if (listing.duplicates) out["duplicates"] = duplicates_json(*listing.duplicates);
  return out;
}

std::string listing_text(const Context& context, const Listing& listing) {
  using Align = Table::Align;
  const Style style(context, stdout);
  if (listing.duplicates) return duplicates_text(listing, style);
  if (listing.by_folder) return folders_text(listing, style) + (context.quiet ? "" : totals_text(listing, style));
  const auto now = system_clock::now();
  Table table({{"file", Align::left},
               {"tokens", Align::right},
               {"size", Align::right},
               {"values", Align::left},
               {"age", Align::right},
               {"last read", Align::right},
               {"format", Align::left},
               {"model", Align::left},
               {"", Align::left}},
              0, Table::Last::as_it_is);  // one line per file, to be searched and cut
  for (const ListedFile& f : shown(listing)) {
    const bool broken = f.kind == ListedFile::Kind::broken;
    const bool there = f.modified != system_clock::time_point();  // a link that leads nowhere has no age
    std::vector<std::string> row;  // not as a list of cells: each would be copied, of ten thousand files
    row.reserve(9);
    row.push_back(shown_path(listing.relative && !f.below.empty() ? f.below : f.path));
    row.push_back(broken ? "" : std::to_string(f.tokens));
    row.push_back(size_of(f.bytes));
    row.push_back(f.elements);
    row.push_back(there ? ago(f.modified, now) : "");
    row.push_back(f.accessed == system_clock::time_point() ? "" : ago(f.accessed, now));
    row.push_back(broken ? style.red("broken") : f.format);
    row.push_back(printable(f.model, 32));
    row.push_back(remark(f));
    table.add(std::move(row));
  }
  const std::string rows = listing.shown == 0 ? "" : table.text(style);
  return context.quiet ? rows : rows + totals_text(listing, style);
}

std::string listing_csv(const Listing& listing) {
  std::string out = "path,kind,model,format,classes,values,tokens,bytes,modified,accessed,stamp,verdict\r\n";
  for (const ListedFile& f : shown(listing)) {
    const auto time = [](system_clock::time_point point) {
      return fmt::format("{}", point == system_clock::time_point() ? "" : std::to_string(seconds(point)));
    };
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\r\n", csv_cell(f.path), kind_name(f), csv_cell(f.model), f.format,
                       csv_cell(f.classes), f.elements, f.tokens, f.bytes, time(f.modified), time(f.accessed),
                       csv_cell(fmt::format("{}", fmt::join(f.stamp, ","))), csv_cell(f.verdict));
  }
  return out;
}

}  // namespace kvcache::cli
