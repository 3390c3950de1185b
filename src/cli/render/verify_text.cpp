// `kvcache verify` for people: one line per finding, one per file that is fine, and a last one that sums up.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>

#include "cli/render/verify_output.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/style.h"
#include "cli/terminal/words.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

class TextOutput final : public VerifyOutput {
 public:
  TextOutput(const Context& context, bool strict)
      : style_(context, stdout),
        quiet_(context.quiet),
        least_(!quiet_  ? Severity::info
               : strict ? Severity::warning
                        : Severity::error) {}

  void add(const FileReport& report) override {
    const std::string path = shown_path(report.path);
    for (const Finding& finding : report.findings) {
      if (finding.severity < least_) continue;
      const std::string where = finding.where.empty() ? "" : ' ' + finding.where.text();
      print(fmt::format("{}: {} {}{}: {}\n", style_.bold(path), severity(finding.severity), finding.code, where,
                        finding.message));
      if (!finding.hint.empty()) print(fmt::format("  hint: {}\n", finding.hint));
    }
    if (report.fixes) print_fixes(*report.fixes, report.path);
    if (quiet_) return;
    const std::string format = report.format == nullptr ? "" : fmt::format(" ({})", report.format->id);
    if (report.status == Status::ok) print(fmt::format("{}: {}{}\n", style_.bold(path), style_.green("ok"), format));
    for (const std::string& note : report.notes) print(fmt::format("  {} {}\n", style_.dim("note:"), note));
  }

  void finish(const VerifyCounts& counts) override {
    if (!quiet_ && (counts.files != 1 || !counts.not_caches.empty())) print(in_words(counts));
  }

 private:
  void print_fixes(const RepairPlan& plan, const std::string& path) const {
    const auto at = [](const Where& where) { return where.empty() ? "" : where.text() + ": "; };
    for (const Repair& repair : plan.repairs)
      print(fmt::format("  {} {}{} ({})\n", style_.green("fix:"), at(repair.where), repair.message, repair.code));
    for (const Undecided& undecided : plan.undecided)
      print(fmt::format("  {} {}nothing tells which is right: {} ({})\n", style_.yellow("no fix:"), at(undecided.where),
                        fmt::join(undecided.choices, "; "), undecided.code));
    for (const Finding& finding : plan.left) {
      const bool told = std::any_of(plan.undecided.begin(), plan.undecided.end(),
                                    [&](const Undecided& u) { return u.code == finding.code && u.where == finding.where; });
      if (finding.severity == Severity::error && !told)
        print(fmt::format("  {} {}nothing in the file tells what it was ({})\n", style_.red("no fix:"), at(finding.where),
                          finding.code));
    }
    if (!plan.repairs.empty() && is_repaired(plan)) print(fmt::format("  kvcache repair {} --in-place\n", shell_path(path)));
  }

  [[nodiscard]] std::string severity(Severity severity) const {
    switch (severity) {
      case Severity::info:
        return style_.dim(name(severity));
      case Severity::warning:
        return style_.yellow(name(severity));
      case Severity::error:
        break;
    }
    return style_.red(name(severity));
  }

  Style style_;
  bool quiet_;
  Severity least_;  ///< findings below are not worth a line
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_text(const Context& context, bool strict) {
  return std::make_unique<TextOutput>(context, strict);
}

}  // namespace kvcache::cli
