// `kvcache verify` for people: one line per file that was named and is fine, one per finding, and a last one that sums up.
// Files of folders are many: good ones are counted, of others the gravest finding is shown, and what exceeds a screenful is
// summed up.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include "cli/render/inspect.h"
#include "cli/render/verify_output.h"
#include "cli/terminal/hint_line.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/style.h"
#include "cli/terminal/words.h"
#include "documents/hint.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

/// What is said about files of folders, in lines: with its sums a screenful, whatever there is. `-q` lists all that is broken.
constexpr std::size_t error_lines = 16;
constexpr std::size_t warning_lines = 6;
constexpr std::size_t note_lines = 5;

/// A note and the files that it is true of.
struct RepeatedNote {
  UsageNote note;    ///< with the command for the first of them
  std::string path;  ///< of the first file
  std::size_t files = 0;
};

class TextOutput final : public VerifyOutput {
 public:
  TextOutput(const Context& context, const VerifyShow& show)
      : style_(context, stdout),
        quiet_(context.quiet),
        show_(show),
        least_(!quiet_       ? show.infos ? Severity::info : Severity::warning
               : show.strict ? Severity::warning
                             : Severity::error) {}

  void add(const FileReport& report, bool named) override {
    if (named || quiet_ || show_.infos)
      add_in_full(report);
    else
      add_found(report);
    if (report.fixes) print_fixes(*report.fixes, report.path);
    if (!quiet_) remember_notes(report);
  }

  void finish(const VerifyCounts& counts) override {
    if (quiet_) return;
    print_rest(errors_, "error");
    print_rest(warnings_, "warning");
    if (!infos_.empty()) say(fmt::format("{} {}; --infos shows them", style_.dim("facts:"), codes_in_words(infos_)));
    print_notes();
    if (counts.files != 1 || found_ || !counts.not_caches.empty()) say(in_words(counts, style_));
  }

 private:
  /// Of files in folders: how many lines may still be printed, and what was not printed, by code.
  struct Rest {
    std::size_t lines = 0;
    std::size_t files = 0;
    std::map<std::string, std::size_t> codes;
  };

  /// One line to a program; on a terminal as many as it needs.
  static void say(const std::string& text) { print(hanging(text, line_width(stdout)) + '\n'); }

  void print_finding(const FileReport& report, const Finding& finding, const std::string& more, bool hint) const {
    const std::string where = finding.where.empty() ? "" : ' ' + finding.where.text();
    say(fmt::format("{}: {} {}{}: {}{}", style_.bold(shown_path(report.path)), severity(finding.severity), finding.code, where,
                    finding.message, more));
    if (hint && !finding.remedy.empty())
      print(hint_line("  hint: ", documents::hint_of(finding.remedy, report.path), line_width(stdout)) + '\n');
  }

  /// What is wrong with several layers in the same way.
  struct Alike {
    const Finding* first;
    std::set<std::optional<std::size_t>> layers;
    std::size_t findings = 0;
    /// " (and 3 more layers)", or nothing
    [[nodiscard]] std::string more() const {
      if (layers.size() > 1) return fmt::format(" (and {})", count_of(layers.size() - 1, "more layer"));
      return findings < 2 ? "" : fmt::format(" (and {})", count_of(findings - 1, "more place"));
    }
  };

  /// In the order of the first of each.
  static std::vector<Alike> alike(const FileReport& report) {
    std::vector<Alike> out;
    std::map<std::tuple<std::string_view, std::string_view, std::string>, std::size_t> place;
    for (const Finding& finding : report.findings) {
      const auto [found, added] =
          place.try_emplace({finding.code, finding.message, documents::hint_of(finding.remedy, report.path)}, out.size());
      if (added) out.push_back({&finding, {}, 0});
      out[found->second].layers.insert(finding.where.layer());
      ++out[found->second].findings;
    }
    return out;
  }

  void print_ok(const FileReport& report, const std::string& facts) const {
    const std::string format = format_names(report.candidates);
    const std::string about = format + (format.empty() || facts.empty() ? "" : "; ") + facts;
    say(fmt::format("{}: {}{}", style_.bold(shown_path(report.path)), style_.green("ok"),
                    about.empty() ? "" : fmt::format(" ({})", about)));
  }

  void add_in_full(const FileReport& report) {
    std::set<std::string> facts;
    for (const Alike& same : alike(report)) {
      if (same.first->severity >= least_)
        print_finding(report, *same.first, same.more(), true);
      else
        facts.insert(same.first->code);
    }
    if (quiet_) return;
    if (report.status == Status::ok) return print_ok(report, fmt::format("{}", fmt::join(facts, ", ")));
    for (const std::string& code : facts) ++infos_[code];
  }

  /// A file of a folder: the gravest finding alone, and nothing about a good one.
  void add_found(const FileReport& report) {
    found_ = true;
    std::set<std::string> facts;
    std::size_t others = 0;
    const Finding* gravest = nullptr;
    for (const Finding& finding : report.findings) {
      if (finding.severity == Severity::info) {
        facts.insert(finding.code);
      } else if (gravest == nullptr || finding.severity > gravest->severity) {
        others += gravest == nullptr ? 0 : 1;
        gravest = &finding;
      } else {
        ++others;
      }
    }
    for (const std::string& code : facts) ++infos_[code];
    if (gravest == nullptr) return;
    Rest& rest = gravest->severity == Severity::error ? errors_ : warnings_;
    const bool hint = !gravest->remedy.empty() && !hinted_.contains(gravest->code);
    const std::size_t lines = hint ? 2 : 1;
    if (rest.files != 0 || lines > rest.lines) {
      ++rest.files;
      ++rest.codes[gravest->code];
      return;
    }
    rest.lines -= lines;
    if (hint) hinted_.insert(gravest->code);
    print_finding(report, *gravest, others == 0 ? "" : fmt::format(" (and {} more)", count_of(others, "finding")), hint);
  }

  void print_rest(const Rest& rest, std::string_view what) const {
    if (rest.files == 0) return;
    say(fmt::format("{} {}: {}; -q lists every file, `kvcache explain {}` says more",
                    style_.bold(fmt::format("{} more", rest.files)),
                    fmt::format("{} with {}s", rest.files == 1 ? "file" : "files", what), codes_in_words(rest.codes),
                    rest.codes.begin()->first));
  }

  void remember_notes(const FileReport& report) {
    for (const UsageNote& note : report.notes) {
      if (!note.program.empty() && !show_.asked && !show_.infos) continue;
      const auto same = std::ranges::find(notes_, note.what, [](const RepeatedNote& r) { return r.note.what; });
      if (same == notes_.end())
        notes_.push_back({note, report.path, 1});
      else
        ++same->files;
    }
  }

  void print_notes() const {
    for (std::size_t i = 0; i < std::min(notes_.size(), note_lines); ++i) {
      const RepeatedNote& repeated = notes_[i];
      std::string text = repeated.note.what;
      if (repeated.files > 1) text += fmt::format(" ({} files)", repeated.files);
      if (!repeated.note.remedy.empty())
        text += documents::hint_of((repeated.files > 1 ? "; for one of them " : "; ") + repeated.note.remedy, repeated.path);
      say(fmt::format("{} {}", style_.dim("note:"), text));
    }
    if (notes_.size() > note_lines) say(fmt::format("{} {} more, see --json", style_.dim("note:"), notes_.size() - note_lines));
  }

  void print_fixes(const RepairPlan& plan, const std::string& path) const {
    const auto at = [](const Where& where) { return where.empty() ? "" : where.text() + ": "; };
    for (const Repair& repair : plan.repairs)
      say(fmt::format("  {} {}{} ({})", style_.green("fix:"), at(repair.where), repair.message, repair.code));
    for (const Undecided& undecided : plan.undecided)
      say(fmt::format("  {} {}nothing tells which is right: {} ({})", style_.yellow("no fix:"), at(undecided.where),
                      fmt::join(undecided.choices, "; "), undecided.code));
    for (const Finding& finding : plan.left) {
      const bool told = std::any_of(plan.undecided.begin(), plan.undecided.end(),
                                    [&](const Undecided& u) { return u.code == finding.code && u.where == finding.where; });
      if (finding.severity == Severity::error && !told)
        say(fmt::format("  {} {}nothing in the file tells what it was ({})", style_.red("no fix:"), at(finding.where),
                        finding.code));
    }
    if (!plan.repairs.empty() && is_repaired(plan))
      print(hint_line("  ", documents::hint_of("kvcache repair FILE --in-place", path), line_width(stdout)) + '\n');
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
  VerifyShow show_;
  Severity least_;      ///< findings below are not worth a line
  bool found_ = false;  ///< files of folders are among them
  Rest errors_ = {error_lines, 0, {}};
  Rest warnings_ = {warning_lines, 0, {}};
  std::map<std::string, std::size_t> infos_;  ///< files by code, of infos that no line of theirs names
  std::set<std::string> hinted_;              ///< codes of files in folders whose hint was shown
  std::vector<RepeatedNote> notes_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_text(const Context& context, const VerifyShow& show) {
  return std::make_unique<TextOutput>(context, show);
}

}  // namespace kvcache::cli
