#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "common/codes.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "verify/rules.h"
#include "verify/sort.h"

namespace kvcache {
namespace {

// A defect that ended reading, as a finding.
Finding finding_of(const Error& error) {
  std::string code = error.code();
  if (code.empty()) code = error.kind() == ErrorKind::io ? "KV100" : "KV122";
  const bool container = code > "KV100" && code < "KV120";
  return detail::make_finding(code, container ? Where::Part::header : Where::Part::file, error.key(), error.what(),
                              error.remedy());
}

Status status_of(const FileReport& report) {
  if (report.failure) return Status::unreadable;
  const auto has = [&](Severity severity) {
    return std::ranges::any_of(report.findings, [=](const Finding& f) { return f.severity == severity; });
  };
  if (has(Severity::error)) return Status::errors;
  return has(Severity::warning) ? Status::warnings : Status::ok;
}

/// What those asked for make of a file.
struct Asked {
  std::vector<Target> loading;   ///< who restores it
  std::vector<UsageNote> notes;  ///< who does not although another release does
};

void report_refusal(const Document& document, const Target& target, const LoadVerdict& verdict, FileReport& report) {
  // Said once: as an error of who was asked for.
  if (detail::cannot_open(document, dialect(target.era()).family))
    std::erase_if(report.findings, [](const Finding& f) { return f.code == "KV716"; });
  report.findings.push_back(
      detail::make_finding("KV720", {}, {}, fmt::format("{}: {}", target.id(), verdict.reason), verdict.fix));
}

/// --for a runtime by its name alone: of a cache that some release of it loads nobody can say that it does not load there.
void check_runtime(const Document& document, Family family, const Findings& found, FileReport& report, Asked& asked) {
  const auto loads = [&](Era era) {
    const auto judged = report.loads_in.find(era);
    return judged == report.loads_in.end() ? !refusal(document, era, found) : judged->second.ok;
  };
  const Target meant = named_alone(family);
  const LoadVerdict verdict = would_load(document, meant, found);
  if (verdict.ok) return asked.loading.push_back(meant);
  for (auto d = dialects().rbegin(); d != dialects().rend(); ++d) {
    if (d->family != family || !d->released || !(d->writable || report.loads_in.contains(d->era))) continue;
    if (!loads(d->era)) continue;
    asked.loading.emplace_back(d->era);
    return asked.notes.push_back(
        {fmt::format("{} loads it, but {} does not: {}", d->id, meant.id(), verdict.reason), verdict.fix, {}});
  }
  report_refusal(document, meant, verdict, report);
}

Asked check_loads(const Document& document, const VerifyOptions& options, const Findings& found, FileReport& report) {
  if (options.loads_in) report.loads_in = loads_in(document, found);
  std::set<std::string> seen;
  Asked asked;
  for (const Target& target : options.load_in) {
    if (!seen.insert(target.id()).second) continue;
    // Whole eras are judged already, but for those that are never written.
    const auto judged = target.whole_era() ? report.loads_in.find(target.era()) : report.loads_in.end();
    const LoadVerdict verdict = judged != report.loads_in.end() ? judged->second : would_load(document, target, found);
    if (target.whole_era()) report.loads_in.emplace(target.era(), verdict);
    if (verdict.ok) {
      asked.loading.push_back(target);
    } else {
      report_refusal(document, target, verdict, report);
    }
  }
  for (const Family family : std::set<Family>(options.load_in_any.begin(), options.load_in_any.end()))
    check_runtime(document, family, found, report, asked);
  return asked;
}

// --for one runtime: its layers are what counts, whoever wrote the file.
std::optional<ModelCode> code_asked(const VerifyOptions& options) {
  std::set<Family> families(options.load_in_any.begin(), options.load_in_any.end());
  for (const Target& target : options.load_in) families.insert(dialect(target.era()).family);
  if (families.empty()) return std::nullopt;
  if (!families.contains(Family::mlx_swift_lm)) return ModelCode::mlx_lm;
  return families.size() == 1 ? std::optional(ModelCode::mlx_swift_lm) : std::nullopt;
}

void check_document(Document document, const VerifyOptions& options, FileReport& report) {
  report.format = document.format;
  report.candidates = document.candidates;
  const Findings found = check(document);
  report.findings = found;
  // What a runtime needs beside the layers is of interest where it takes those.
  Asked asked = check_loads(document, options, found, report);
  const bool nobody_asked = options.load_in.empty() && options.load_in_any.empty();
  if (nobody_asked || !asked.loading.empty()) report.notes = usage_notes(document, found, asked.loading);
  std::ranges::move(asked.notes, std::back_inserter(report.notes));
  std::ranges::move(check_stamp(document, options), std::back_inserter(report.findings));
  if (options.model)
    std::ranges::move(check_model(document, *options.model, code_asked(options)), std::back_inserter(report.findings));
  if (options.data) std::ranges::move(check_data(document, options), std::back_inserter(report.findings));
  if (options.fix) report.fixes = repair(document);
}

}  // namespace

std::string_view name(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::warnings:
      return "warnings";
    case Status::errors:
      return "errors";
    case Status::unreadable:
      break;
  }
  return "unreadable";
}

FileReport verify_file(const std::string& path, const VerifyOptions& options) {
  return verify_file(
      path, [&] { return SafetensorsFile::open(path); }, options);
}

FileReport verify_file(const std::string& path, const std::function<SafetensorsFile()>& open, const VerifyOptions& options) {
  FileReport report;
  report.path = path;
  try {
    check_document(decode(open()), options, report);
  } catch (const Error& error) {
    // Anything else is not about the file: the caller's mistake, or a request to stop.
    if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::unreadable) throw;
    report.findings.push_back(finding_of(error));
    report.failure = error.kind();
  }
  detail::sort_findings(report.findings);
  report.status = status_of(report);
  return report;
}

bool prevents_editing(const Finding& finding) {
  return finding.severity == Severity::error && finding.code != "KV432";
}

bool only_unknown_layouts(const Findings& findings) {
  return std::ranges::all_of(findings, [&](const Finding& f) {
    return !prevents_editing(f) || f.code == "KV301" || std::ranges::any_of(findings, [&](const Finding& other) {
      return other.code == "KV717" && other.where == f.where && other.key == f.key;
    });
  });
}

}  // namespace kvcache
