#include "catalog/verify_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>

#include "catalog/find_files.h"
#include "catalog/foreign_places.h"
#include "common/remote_name.h"
#include "format/recognise.h"
#include "kvcache/error.h"
#include "platform/in_order.h"
#include "platform/stop.h"

namespace kvcache::catalog {
namespace {

/// A file to check. What was found in a folder may be something else, what was named is reported whatever it is.
struct FileToVerify {
  Found found;
  bool named = false;
};

std::vector<FileToVerify> files_of(const FilesToVerify& files, std::vector<foreign::Place>& theirs) {
  std::vector<FileToVerify> out;
  for (const std::string& path : files.paths) {
    if (files.recursive && files.find_elsewhere) {
      if (const auto below = files.find_elsewhere(path)) {
        for (const std::string& found : *below) out.push_back({{found, {}}, false});
        continue;
      }
    }
    std::error_code unknown;
    if (!files.recursive || !std::filesystem::is_directory(path, unknown)) {
      out.push_back({{path, {}}, true});
      continue;
    }
    const ForeignPlaces places = foreign_places(path);
    theirs.insert(theirs.end(), places.places.begin(), places.places.end());
    std::vector<Found> below = find_files(path, files.exclude, places.folders);
    if (below.empty() && places.places.empty() && files.paths.size() > 1 && files.empty_folder) files.empty_folder(path);
    for (Found& found : below) out.push_back({std::move(found), false});
  }
  return out;
}

FileReport unreadable_folder(const Found& found) {
  FileReport report;
  report.path = found.path;
  report.status = Status::unreadable;
  report.findings.push_back({"KV100", Severity::error, {}, {}, "this folder cannot be read: " + found.error, {}});
  report.failure = ErrorKind::io;
  return report;
}

/// What another project's format finds, as a report of ours.
FileReport report_of(foreign::Report&& theirs) {
  FileReport report = theirs.file ? *std::move(theirs.file) : FileReport{};
  report.path = std::move(theirs.path);
  report.findings = std::move(theirs.findings);
  report.notes.clear();  // of programs that are given a file: these are a server's
  report.status = Status::ok;
  for (Finding& finding : report.findings) {
    if (finding.severity == Severity::warning && report.status == Status::ok) report.status = Status::warnings;
    if (finding.severity == Severity::error) report.status = Status::errors;
  }
  const bool broken = std::ranges::any_of(report.findings, [](const Finding& f) { return f.severity == Severity::error; });
  if (!theirs.readable && broken) {
    report.status = Status::unreadable;
    if (!report.failure) report.failure = ErrorKind::unreadable;
  }
  return report;
}

/// A file that is an entry of another project.
std::optional<FileReport> verify_foreign(const std::string& path) {
  const std::optional<foreign::Place> place = foreign::place_of(path);
  if (!place || !place->is_file) return std::nullopt;
  std::optional<FileReport> out;
  foreign::verify_place(*place, [&](foreign::Report report) {
    if (!out) out = report_of(std::move(report));
  });
  return out;
}

/// A report, and what the file is where it need not be a cache and is none.
struct Outcome {
  FileReport report;
  std::string something_else;
};

std::shared_ptr<const ByteSource> elsewhere(const FilesToVerify& files, const std::string& name) {
  return files.open_elsewhere ? files.open_elsewhere(name) : nullptr;
}

FileReport verify_one(const FilesToVerify& files, const Found& found, const VerifyOptions& how) {
  if (!found.error.empty()) return unreadable_folder(found);
  const std::string shown = detail::without_secrets(found.path);
  const auto open = [&] { return files.open ? files.open(found.path) : SafetensorsFile::open(found.path); };
  FileReport report = verify_file(shown, open, how);
  std::error_code unknown;
  if (report.failure == ErrorKind::io && std::filesystem::is_directory(found.path, unknown))
    for (Finding& finding : report.findings)
      finding.remedy = Remedy(Remedy::Action::repeat, {{"recursive", ""}}) + " checks the files in it";
  // Commands to paste, with the names at hand.
  return report;
}

Outcome look_at(const FilesToVerify& files, const FileToVerify& candidate, const VerifyOptions& how) {
  const std::string& path = candidate.found.path;
  Outcome out{verify_one(files, candidate.found, how), {}};
  if (out.report.failure == ErrorKind::unreadable)
    if (std::optional<FileReport> theirs = verify_foreign(path)) return {*std::move(theirs), {}};
  if (candidate.named || out.report.failure != ErrorKind::unreadable) return out;
  const std::string& code = out.report.findings.front().code;
  const std::shared_ptr<const ByteSource> source = elsewhere(files, path);
  out.something_else = source ? detail::something_else(*source, code, is_named_as_cache(path))
                              : detail::something_else(path, code, is_named_as_cache(path));
  return out;
}

/// A wrong path, or an empty folder, must not pass for one in order.
[[noreturn]] void refuse_nothing(const FilesToVerify& files, const VerifyCounts& counts) {
  const std::string where = files.paths.size() == 1 ? detail::without_secrets(files.paths.front()) : "these folders";
  std::string others = not_caches_in_words(counts);
  if (const std::size_t more = others.find(" more "); more != std::string::npos) others.erase(more, 5);
  throw Error(ErrorKind::usage, fmt::format("nothing to check: no caches in {}{}", where, others.empty() ? "" : "; " + others),
              "name a folder that has *.safetensors files, or the files themselves");
}

}  // namespace

std::string not_caches_in_words(const VerifyCounts& counts) {
  std::size_t files = 0;
  std::string kinds;
  for (const auto& [what, paths] : counts.not_caches) {
    files += paths.size();
    kinds += kinds.empty() ? "" : ", ";
    kinds += paths.size() == 1 ? what : fmt::format("{} times {}", paths.size(), what);
  }
  if (files == 0) return {};
  return fmt::format("{} more {} ({})", files, files == 1 ? "is no cache" : "are no caches", kinds);
}

void add_loader(VerifyOptions& how, std::string_view id) {
  if (id == "all") {
    for (const Dialect& d : dialects())
      if (d.writable) how.load_in.emplace_back(d.era);
  } else if (const auto family = find_family(id)) {
    how.load_in_any.push_back(*family);
  } else {
    how.load_in.push_back(find_target(id));
  }
}

VerifyCounts verify_files(const FilesToVerify& files, const std::function<void(const FileReport&, bool named)>& take) {
  std::vector<foreign::Place> theirs;
  const std::vector<FileToVerify> candidates = files_of(files, theirs);
  // Threads go to files first; what is left of them scans the data of one.
  const std::size_t threads = files.threads != 0 ? files.threads : std::max(1U, std::thread::hardware_concurrency());
  const std::size_t workers = std::min(threads, std::max<std::size_t>(1, candidates.size()));
  VerifyOptions how = files.how;
  how.threads = static_cast<unsigned>(threads / workers);
  if (workers != 1) how.progress = {};

  VerifyCounts counts;
  // Handing over a small file's report costs as much as a tenth of the report; of large ones each is work enough.
  constexpr std::size_t at_once = 16;
  const std::size_t batch = how.data ? 1 : std::clamp<std::size_t>(candidates.size() / (at_once * workers), 1, at_once);
  detail::in_order_by<Outcome>(
      batch, candidates.size(), workers,
      [&](std::size_t i) {
        detail::throw_if_stopped(how.stop);
        return look_at(files, candidates[i], how);
      },
      [&](std::size_t i, const Outcome& outcome) {
        if (!outcome.something_else.empty()) {
          counts.not_caches[outcome.something_else].push_back(candidates[i].found.path);
          return;
        }
        ++counts.files;
        ++counts.by_status[outcome.report.status];
        take(outcome.report, candidates[i].named);
      });
  // Prompt caches that lie in a server's folder are looked at like any other.
  how.threads = 1;
  how.progress = {};
  for (const foreign::Place& place : theirs)
    foreign::verify_place(
        place,
        [&](foreign::Report found) {
          detail::throw_if_stopped(how.stop);
          const FileReport report = report_of(std::move(found));
          ++counts.files;
          ++counts.by_status[report.status];
          take(report, false);
        },
        [&](const std::string& path) { return verify_file(path, how); });
  if (counts.files == 0) refuse_nothing(files, counts);
  return counts;
}

}  // namespace kvcache::catalog
