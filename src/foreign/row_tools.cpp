#include "foreign/row_tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/codes.h"
#include "foreign/header_fields.h"
#include "kvcache/printable.h"
#include "platform/list_folder.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& folder, bool folders) {
  std::vector<std::string> out;
  (void)detail::list_folder(folder, [&](std::string_view name, detail::EntryType type) {
    if (type != (folders ? detail::EntryType::folder : detail::EntryType::file)) return true;
    refuse_too_many(folder, out.size());
    out.emplace_back(name);
    return true;
  });
  std::ranges::sort(out);
  return out;
}

/// "layer 3 child 1" as a place; other words are the name of a part.
Where where_of(std::string_view text) {
  if (text.empty()) return {};
  Where where;
  bool first = true;
  for (std::string_view rest = text; !rest.empty(); first = false) {
    const std::string_view word = first ? "layer " : " child ";
    if (!rest.starts_with(word)) return Where::entry(std::string(text));
    rest.remove_prefix(word.size());
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const auto index = whole_number<std::size_t>(rest.substr(0, end));
    if (!index) return Where::entry(std::string(text));
    where = first ? Where::of_layer(*index) : where.child(*index);
    rest.remove_prefix(end);
  }
  return where;
}

bool is_gone(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() == fs::file_type::not_found;
}

}  // namespace

void refuse_too_many(const std::string& folder, std::size_t files) {
  if (files > most_files)
    throw Error(
        ErrorKind::impossible,
        fmt::format("{} holds more than {} files: too many for the cache of a server", printable(folder, 500), most_files),
        "move some of them into another folder, the oldest first, and look at both");
}

std::vector<std::string> files_in(const std::string& folder) {
  return names_in(folder, false);
}
std::vector<std::string> folders_in(const std::string& folder) {
  return names_in(folder, true);
}

Entry entry_of(const Item& item) {
  Entry entry;
  entry.item = item;
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(item.path, error);
  entry.bytes = error ? 0 : bytes;
  const fs::file_time_type written = fs::last_write_time(item.path, error);
  if (!error)
    entry.modified =
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(std::chrono::file_clock::to_sys(written));
  entry.vanished = static_cast<bool>(error) && is_gone(item.path);
  return entry;
}

bool patiently(const std::string& path, const std::function<void()>& read) {
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    try {
      read();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io) throw;
      // Asked once: who asks again may find it back.
      if (is_gone(path)) return false;
      if (attempt == attempts) throw;
    }
  }
}

Entry described(const Item& item, const std::function<void(Entry&)>& describe) {
  Entry entry = entry_of(item);
  if (entry.vanished) return entry;
  try {
    const bool there = patiently(item.path, [&] {
      // What was described before it failed is described again.
      entry = entry_of(item);
      if (!entry.vanished) describe(entry);
    });
    if (!there) entry.vanished = true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    entry.readable = false;
    entry.verdict = error.what();
  }
  return entry;
}

void add_finding(Report& report, std::string_view code, std::string message, const std::string& where, Remedy remedy,
                 std::string key) {
  report.findings.push_back(detail::make_finding(code, where_of(where), std::move(key), std::move(message), std::move(remedy)));
}

void add_temporary(Report& report) {
  add_finding(report, "KV903", "a file that was begun and not finished, or is being written now", {},
              "where no server is at work it can go");
}

Report checked(const std::string& path, const std::function<void(Report&)>& check, std::string_view code) {
  Report report;
  report.path = path;
  try {
    report.vanished = !patiently(path, [&] {
      report.findings.clear();
      check(report);
    });
    if (report.vanished) report.findings.clear();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    report.readable = error.kind() == ErrorKind::impossible;
    add_finding(report, error.code().empty() ? code : std::string_view(error.code()), error.what(), {}, error.remedy(),
                error.key());
  }
  return report;
}

void refuse(Restored& out, const Error& error) {
  if (error.kind() != ErrorKind::impossible && error.kind() != ErrorKind::unreadable) throw Error(error);
  out.outcome = Restored::Outcome::refused;
  out.why = error.what();
  out.remedy = error.remedy();
}

}  // namespace kvcache::foreign
