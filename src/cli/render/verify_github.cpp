// `kvcache verify --format github`: workflow commands that GitHub Actions shows as annotations.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/render/verify_output.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "documents/hint.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

/// As the runner decodes it: only these characters. In properties those that end one as well.
std::string command_escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    out += special ? fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c))) : std::string(1, c);
  }
  return out;
}

std::string_view command(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "notice";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

/// GitHub shows the first ten annotations of a step and drops the others without a word.
constexpr std::size_t most_annotations = 10;

/// Errors before warnings before notices, each as found; what does not fit is counted in the last one.
class GithubOutput final : public VerifyOutput {
 public:
  GithubOutput(const Context& context, bool infos)
      : style_(context, stdout), quiet_(context.quiet), least_(infos ? Severity::info : Severity::warning) {}

  void add(const FileReport& report, bool) override {
    for (const Finding& finding : report.findings) {
      if (finding.severity < least_) continue;
      ++all_[finding.severity][finding.code];
      std::vector<std::string>& lines = lines_[finding.severity];
      if (lines.size() == most_annotations) continue;
      const std::string title = fmt::format("{}{}{}", finding.code, finding.where.empty() ? "" : " ", finding.where.text());
      const std::string text = finding.remedy.empty() ? finding.message
                                                      : fmt::format("{}\nhint: {}", finding.message,
                                                                    documents::hint_of(finding.remedy, report.path));
      lines.push_back(fmt::format("::{} file={},title={}::{}\n", command(finding.severity),
                                  command_escaped(shown_path(report.path), true), command_escaped(title, true),
                                  command_escaped(text, false)));
      shown_codes_[finding.severity].push_back(finding.code);
    }
  }

  void finish(const VerifyCounts& counts) override {
    std::size_t all = 0;
    for (const auto& [severity, codes] : all_)
      for (const auto& [code, number] : codes) all += number;
    std::size_t room = all > most_annotations ? most_annotations - 1 : most_annotations;
    for (const Severity severity : {Severity::error, Severity::warning, Severity::info}) {
      const std::vector<std::string>& lines = lines_[severity];
      for (std::size_t i = 0; i < lines.size() && room != 0; ++i, --room) {
        print(lines[i]);
        --all_[severity][shown_codes_[severity][i]];
      }
    }
    if (all > most_annotations) print_rest();
    if (!quiet_) print(in_words(counts, style_) + '\n');  // a line of the log, no command
  }

 private:
  void print_rest() const {
    std::optional<Severity> gravest;
    std::map<std::string, std::size_t> rest;
    std::size_t sum = 0;
    for (const auto& [severity, codes] : all_) {
      for (const auto& [code, number] : codes) {
        if (number == 0) continue;
        rest[code] += number;
        sum += number;
        gravest = std::max(gravest.value_or(severity), severity);
      }
    }
    print(fmt::format(
        "::{} title=kvcache verify::{}\n", command(gravest.value_or(Severity::warning)),
        command_escaped(fmt::format("{} more {}: {}", sum, sum == 1 ? "finding" : "findings", codes_in_words(rest)), false)));
  }

  Style style_;
  bool quiet_;
  Severity least_;
  std::map<Severity, std::vector<std::string>> lines_;
  std::map<Severity, std::vector<std::string>> shown_codes_;  ///< of the lines
  std::map<Severity, std::map<std::string, std::size_t>> all_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_github(const Context& context, const VerifyShow& show) {
  return std::make_unique<GithubOutput>(context, show.infos);
}

}  // namespace kvcache::cli
