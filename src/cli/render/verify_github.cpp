// `kvcache verify --format github`: workflow commands that GitHub Actions shows as annotations.
#include <fmt/format.h>

#include "cli/render/verify_output.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

/// As the runner decodes it: only these characters. In properties those that end one as well.
std::string escaped(std::string_view text, bool property) {
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

class GithubOutput final : public VerifyOutput {
 public:
  explicit GithubOutput(bool quiet) : quiet_(quiet) {}

  void add(const FileReport& report) override {
    for (const Finding& finding : report.findings) {
      const std::string title = fmt::format("{}{}{}", finding.code, finding.where.empty() ? "" : " ", finding.where.text());
      const std::string text =
          finding.hint.empty() ? finding.message : fmt::format("{}\nhint: {}", finding.message, finding.hint);
      print(fmt::format("::{} file={},title={}::{}\n", command(finding.severity), escaped(shown_path(report.path), true),
                        escaped(title, true), escaped(text, false)));
    }
  }

  // A line of the log, no command.
  void finish(const VerifyCounts& counts) override {
    if (!quiet_) print(in_words(counts));
  }

 private:
  bool quiet_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_github(const Context& context, bool) {
  return std::make_unique<GithubOutput>(context.quiet);
}

}  // namespace kvcache::cli
