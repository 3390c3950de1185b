#include "cli/docs/roff.h"

#include <fmt/format.h>

#include <sstream>

namespace kvcache::cli {
namespace {

// Of the wording. Not of the build: the same sources give the same pages.
constexpr std::string_view date = "November 30, 2026";

}  // namespace

std::string roff_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '`')
      out += "\\(ga";
    else if (c == '^')
      out += "\\(ha";
    else if (c == '~')
      out += "\\(ti";
    else if (c == '.' && (out.empty() || out.back() == '\n'))
      out += "\\&.";
    else
      out += c;
  }
  return out;
}

std::string roff_argument(std::string_view text) {
  std::string word = "\\&" + roff_text(text);
  for (std::size_t at = 0; (at = word.find('"', at)) != std::string::npos;) word.replace(at, 1, "\\(dq");
  return word.find(' ') == std::string::npos ? word : '"' + word + '"';
}

std::string roff_prose(std::string_view text) {
  std::string out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      out += ".Pp\n";
      continue;
    }
    std::string sentences = roff_text(line);
    for (std::size_t at = 0; (at = sentences.find(". ", at)) != std::string::npos; ++at) sentences.replace(at, 2, ".\n");
    out += sentences + '\n';
  }
  return out;
}

std::string roff_head(const std::string& name, int section, std::string_view summary) {
  std::string upper = name;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format(
      ".\\\" Made by `kvcache generate man`: scripts/generate makes it anew.\n.Dd {}\n.Dt {} {}\n.Os kvcache\n"
      ".Sh NAME\n.Nm {}\n.Nd {}\n",
      date, upper, section, name, roff_text(summary));
}

}  // namespace kvcache::cli
