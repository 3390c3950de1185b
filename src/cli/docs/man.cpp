#include "cli/docs/man.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "cli/commands.h"
#include "cli/docs/help.h"
#include "cli/docs/man_text.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

// Of the wording. Not of the build: the same sources give the same pages.
constexpr std::string_view date = "November 21, 2026";

// Text as roff shows it unchanged: what is typed stays what can be pasted.
std::string escaped(std::string_view text) {
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

// An argument of a macro: one word, and no macro itself.
std::string argument(std::string_view text) {
  const std::string word = "\\&" + escaped(text);
  return word.find(' ') == std::string::npos ? word : '"' + word + '"';
}

// Prose: a line for each sentence, as roff wants it to set the space between them. Empty lines separate paragraphs.
std::string prose(std::string_view text) {
  std::string out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      out += ".Pp\n";
      continue;
    }
    std::string sentences = escaped(line);
    for (std::size_t at = 0; (at = sentences.find(". ", at)) != std::string::npos; ++at) sentences.replace(at, 2, ".\n");
    out += sentences + '\n';
  }
  return out;
}

std::string head(const std::string& title, std::string_view summary) {
  std::string name = title, upper = title;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format(
      ".\\\" Made by `kvcache generate man`: scripts/generate makes it anew.\n.Dd {}\n.Dt {} 1\n.Os kvcache\n"
      ".Sh NAME\n.Nm {}\n.Nd {}\n",
      date, upper, name, escaped(summary));
}

// Arguments before options.
std::vector<const CLI::Option*> in_order(const CLI::App& app) {
  std::vector<const CLI::Option*> all = app.get_options({});
  std::stable_partition(all.begin(), all.end(), [](const CLI::Option* option) { return option->get_positional(); });
  return all;
}

std::string options(const CLI::App& app) {
  std::string out = ".Bl -tag -width Ds\n";
  for (const CLI::Option* option : in_order(app)) {
    if (option->get_positional()) {
      out += fmt::format(".It Ar {}\n", argument(value_name(*option).name));
    } else {
      std::string names;
      for (const std::string& flag : flag_names(*option))
        names += fmt::format("{}Fl {}", names.empty() ? "" : " , ", escaped(flag.substr(1)));
      out += fmt::format(".It {}{}\n", names, takes_value(*option) ? " Ar " + argument(value_name(*option).name) : "");
    }
    out += prose(full_description(*option));
    // Descriptions are parts of sentences: in a page they end like the sentences around them.
    if (out[out.size() - 2] != '.') out.insert(out.size() - 1, ".");
  }
  return out + ".El\n";
}

// Lines "  COMMAND   what it does": the words go before the command, which then can be pasted.
std::string examples(std::string_view text) {
  std::string out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line == "Examples:") continue;
    if (begin == 0) {
      out += ".Pp\n" + prose(line);
      continue;
    }
    const std::size_t end = line.find("  ", begin);
    std::string words = end == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', end));
    if (!out.empty()) out += ".Pp\n";
    if (!words.empty()) {
      words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
      out += prose(words + ':');
    }
    // Filled, a long command would be broken where it cannot be pasted.
    out += fmt::format(".Bd -literal -offset indent -compact\n{}\n.Ed\n",
                       escaped(line.substr(begin, end == std::string::npos ? end : end - begin)));
  }
  return out;
}

std::string command_page(const CLI::App& app, const Command& command) {
  std::string out = head("kvcache-" + std::string(command.name), command.summary);
  out += fmt::format(".Sh SYNOPSIS\n.Nm kvcache {}\n", command.name);
  for (const CLI::Option* option : app.get_options({})) {
    if (!option->get_positional()) continue;
    const std::string more = option->get_expected_max() > 1 ? " ..." : "";
    out += fmt::format("{} {}{}\n", option->get_required() ? ".Ar" : ".Op Ar", argument(value_name(*option).name), more);
  }
  out += ".Op Ar options\n.Sh DESCRIPTION\n" + prose(std::string(command.summary) + ".");
  if (!command.details.empty()) out += ".Pp\n" + prose(command.details);
  out += ".Pp\nArguments and options:\n" + options(app);
  out += ".Pp\nOptions of\n.Xr kvcache 1\nitself are understood here, too.\n";
  out += ".Sh EXIT STATUS\n0 when done; the other codes are those of\n.Xr kvcache 1 .\n";
  return out + ".Sh EXAMPLES\n" + examples(command.examples) + ".Sh SEE ALSO\n.Xr kvcache 1\n";
}

std::string list_of_commands() {
  std::string out = ".Sh COMMANDS\nEach has a page of its own:\n.Xr kvcache\\-trim 1\nis about\n.Cm trim .\n";
  Group group = Group::hidden;
  for (const Command* command : commands()) {
    if (command->group == Group::hidden) continue;
    if (command->group != group) {
      out += fmt::format("{}.Ss {}\n.Bl -tag -width completion_ -compact\n", group == Group::hidden ? "" : ".El\n",
                         title(command->group));
      group = command->group;
    }
    out += fmt::format(".It Cm {}\n{}", argument(command->name), prose(command->summary));
  }
  return out + ".El\n";
}

std::string list_of_formats() {
  std::string out =
      ".Sh FORMATS\nA format is a runtime and the release since which it writes so.\n"
      ".Bl -column \"mlx-swift-lm@2026-08_\" \"read and written_\"\n";
  for (const Dialect& d : dialects())
    out += fmt::format(".It {} Ta {}\n", argument(d.id), d.writable ? "read and written" : "read");
  out += ".El\n.Pp\n";
  for (const std::string_view family : {"mlx-lm", "mlx-swift-lm", "mlxrs"})
    out += fmt::format("{} alone means {}.\n", escaped(family), escaped(find_dialect(family).id));
  return out;
}

std::string main_page(const CLI::App& root) {
  std::string out = head("kvcache", "inspect, verify, convert and edit prompt-cache files");
  out += ".Sh SYNOPSIS\n.Nm\n.Op Ar options\n.Ar command\n.Op Ar options\n.Ar file ...\n.Sh DESCRIPTION\n";
  out += man_description;
  out += list_of_commands();
  out += ".Sh OPTIONS\nBefore the command or after it:\n" + options(root);
  out += list_of_formats();
  out += man_tail;
  out += ".Sh EXAMPLES\n" + examples(root.get_footer()) + ".Sh SEE ALSO\n";
  std::set<std::string> names;
  for (const Command* command : commands())
    if (command->group != Group::hidden) names.insert(fmt::format(".Xr kvcache\\-{} 1", command->name));
  return out + fmt::format("{}\n", fmt::join(names, " ,\n"));
}

}  // namespace

std::vector<ManPage> man_pages(const CLI::App& root) {
  std::vector<ManPage> pages = {{"kvcache.1", main_page(root)}};
  for (const Command* command : commands())
    if (command->group != Group::hidden)
      pages.push_back({fmt::format("kvcache-{}.1", command->name),
                       command_page(*root.get_subcommand(std::string(command->name)), *command)});
  return pages;
}

}  // namespace kvcache::cli
