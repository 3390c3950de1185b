// `kvcache verify --format junit`: a test case per file, for CI servers. What is printed is what Jenkins's junit-10.xsd allows,
// which other readers of JUnit's XML take as well.
#include <fmt/format.h>

#include "cli/render/verify_output.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "common/utf8.h"
#include "documents/hint.h"
#include "kvcache/format.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

/// XML 1.0 cannot say control characters at all, so they are escaped as everywhere; U+FFFE and U+FFFF it excludes as well.
std::string xml(std::string_view text) {
  std::string out;
  const std::string shown = printable(text, text.size());
  for (std::string_view rest = shown; !rest.empty();) {
    const std::size_t length = detail::utf8_sequence(rest);  // never 0: printable() leaves nothing invalid
    const std::string_view character = rest.substr(0, length);
    rest.remove_prefix(length);
    const char32_t code = detail::utf8_code_point(character);
    if (code == U'&') {
      out += "&amp;";
    } else if (code == U'<') {
      out += "&lt;";
    } else if (code == U'>') {
      out += "&gt;";
    } else if (code == U'"') {
      out += "&quot;";
    } else if (code == 0xFFFE || code == 0xFFFF) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
    } else {
      out += character;
    }
  }
  return out;
}

std::string line(const Finding& finding, const std::string& path) {
  return fmt::format("{} {}{}{}: {}\n{}", name(finding.severity), finding.code, finding.where.empty() ? "" : " ",
                     finding.where.text(), finding.message,
                     finding.remedy.empty() ? "" : fmt::format("  hint: {}\n", documents::hint_of(finding.remedy, path)));
}

// Each line is escaped by itself, so that line breaks between them stay.
std::string xml_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += xml(text.substr(0, end)) + '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

class JunitOutput final : public VerifyOutput {
 public:
  explicit JunitOutput(bool strict) : least_(strict ? Severity::warning : Severity::error) {}

  void add(const FileReport& report, bool) override {
    const Finding* worst = nullptr;
    std::string failing, others;
    for (const Finding& finding : report.findings) {
      const bool fails = finding.severity >= least_;
      if (fails && (worst == nullptr || finding.severity > worst->severity)) worst = &finding;
      (fails ? failing : others) += line(finding, report.path);
    }
    const std::string_view path = report.path;
    cases_ += fmt::format("    <testcase classname=\"kvcache.verify\" name=\"{}\"", path.empty() ? "''" : xml(path));
    if (worst == nullptr && others.empty()) {
      cases_ += "/>\n";
      return;
    }
    cases_ += ">\n";
    if (worst != nullptr) {
      // An error is a test that could not be run: nothing was read. A failure is one that was run and says no.
      const bool error = report.failure == ErrorKind::io;
      ++(error ? errors_ : failures_);
      const std::string message =
          fmt::format("{}{}: {}", worst->where.text(), worst->where.empty() ? worst->code : "", worst->message);
      cases_ += fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", error ? "error" : "failure",
                            xml(worst->code), xml(message), xml_lines(failing));
    }
    if (!others.empty()) cases_ += fmt::format("      <system-out>{}</system-out>\n", xml_lines(others));
    cases_ += "    </testcase>\n";
  }

  void finish(const VerifyCounts& counts) override {
    const std::string totals = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", counts.files, failures_, errors_);
    print("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    print(fmt::format("<testsuites name=\"kvcache verify\" {0}>\n  <testsuite name=\"kvcache verify\" {0} skipped=\"0\">\n",
                      totals));
    print(cases_);
    print("  </testsuite>\n</testsuites>\n");
  }

 private:
  Severity least_;  ///< findings from here on fail a file
  std::string cases_;
  std::size_t failures_ = 0, errors_ = 0;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_junit(const Context&, const VerifyShow& show) {
  return std::make_unique<JunitOutput>(show.strict);
}

}  // namespace kvcache::cli
