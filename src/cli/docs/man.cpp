#include "cli/docs/man.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "cli/commands.h"
#include "cli/docs/documents.h"
#include "cli/docs/help.h"
#include "cli/docs/man_document.h"
#include "cli/docs/man_text.h"
#include "cli/docs/roff.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

// Arguments before options.
std::vector<const CLI::Option*> in_order(const CLI::App& app) {
  std::vector<const CLI::Option*> all = app.get_options({});
  std::stable_partition(all.begin(), all.end(), [](const CLI::Option* option) { return option->get_positional(); });
  return all;
}

std::string option_list(const CLI::App& app) {
  std::string out = ".Bl -tag -width Ds\n";
  for (const CLI::Option* option : in_order(app)) {
    if (option->get_positional()) {
      out += fmt::format(".It Ar {}\n", roff_argument(value_name(*option).name));
    } else {
      std::string names;
      for (const std::string& flag : flag_names(*option))
        names += fmt::format("{}Fl {}", names.empty() ? "" : " , ", roff_text(flag.substr(1)));
      out += fmt::format(".It {}{}\n", names, takes_value(*option) ? " Ar " + roff_argument(value_name(*option).name) : "");
    }
    out += roff_prose(full_description(*option));
    // Descriptions are parts of sentences: in a page they end like the sentences around them.
    if (out[out.size() - 2] != '.') out.insert(out.size() - 1, ".");
  }
  return out + ".El\n";
}

// Lines "  COMMAND   what it does": the words go before the command, which then can be pasted.
std::string examples(std::string_view text) {
  std::string out;
  std::istringstream lines{joined_prose(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line == "Examples:") continue;
    if (begin == 0) {
      out += ".Pp\n" + roff_prose(line);
      continue;
    }
    const std::size_t end = line.find("  ", begin);
    std::string words = end == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', end));
    if (!out.empty()) out += ".Pp\n";
    if (!words.empty()) {
      words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
      out += roff_prose(words + ':');
    }
    // Filled, a long command would be broken where it cannot be pasted.
    out += fmt::format(".Bd -literal -offset indent -compact\n{}\n.Ed\n",
                       roff_text(line.substr(begin, end == std::string::npos ? end : end - begin)));
  }
  return out;
}

/// The commands of a command: `put` of `kvcache store`.
std::string inner_commands(const CLI::App& app) {
  std::string out;
  for (const CLI::App* inner : app.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); })) {
    std::string usage;
    for (const CLI::Option* option : inner->get_options({}))
      if (option->get_positional()) usage += fmt::format(" {}", option->get_name(true, false));
    out += fmt::format(".Ss kvcache {} {}{}\n", app.get_name(), roff_text(inner->get_name()), roff_text(usage));
    out += roff_prose(inner->get_description() + ".") + option_list(*inner);
  }
  return out;
}

/// Pages of commands of the same kind, and of what a command's output is about.
std::vector<std::string> beside(const Command& command) {
  std::vector<std::string> out;
  for (const Command* other : commands())
    if (other->group == command.group && other != &command) out.push_back(fmt::format("kvcache\\-{} 1", other->name));
  std::ranges::sort(out);
  if (command.group == Group::checking || command.name == "convert")
    out.insert(out.end(), {"kvcache\\-findings 7", "kvcache\\-formats 7"});
  return out;
}

std::string command_page(const CLI::App& app, const Command& command) {
  std::string out = roff_head("kvcache-" + std::string(command.name), 1, command.summary);
  out += fmt::format(".Sh SYNOPSIS\n.Nm kvcache {}\n", command.name);
  for (const CLI::Option* option : app.get_options({})) {
    if (!option->get_positional()) continue;
    const std::string more = option->get_expected_max() > 1 ? " ..." : "";
    out += fmt::format("{} {}{}\n", option->get_required() ? ".Ar" : ".Op Ar", roff_argument(value_name(*option).name), more);
  }
  out += ".Op Ar options\n.Sh DESCRIPTION\n";
  if (!command.details.empty()) out += roff_prose(command.details) + ".Pp\n";
  out += "Arguments and options:\n" + option_list(app);
  out += inner_commands(app);
  out += ".Pp\nOptions of\n.Xr kvcache 1\nitself are understood here, too.\n";
  out += ".Sh EXIT STATUS\n0 when done; the other codes are those of\n.Xr kvcache 1 .\n";
  out += ".Sh EXAMPLES\n" + examples(command.examples) + ".Sh SEE ALSO\n.Xr kvcache 1";
  for (const std::string& name : beside(command)) out += " ,\n.Xr " + name;
  return out + '\n';
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
    out += fmt::format(".It Cm {}\n{}", roff_argument(command->name), roff_prose(command->summary));
  }
  return out + ".El\n";
}

std::string list_of_formats() {
  std::string out =
      ".Sh FORMATS\nA format is a runtime and the release since which it writes so.\n"
      ".Bl -column \"mlx-swift-lm@2026-08_\" \"read and written_\"\n";
  for (const Dialect& d : dialects())
    out += fmt::format(".It {} Ta {}\n", roff_argument(d.id), d.writable ? "read and written" : "read");
  out += ".El\n.Pp\n";
  for (const std::string_view family : {"mlx-lm", "mlx-swift-lm", "mlxrs"})
    out += fmt::format("{} alone means {}.\n", roff_text(family), roff_text(find_dialect(family).id));
  return out;
}

std::string main_page(const CLI::App& root) {
  std::string out = roff_head("kvcache", 1, "inspect, verify, convert and edit prompt-cache files");
  out += ".Sh SYNOPSIS\n.Nm\n.Op Ar options\n.Ar command\n.Op Ar options\n.Ar file ...\n.Sh DESCRIPTION\n";
  out += man_description;
  out += list_of_commands();
  out += ".Sh OPTIONS\nBefore the command or after it:\n" + option_list(root);
  out += list_of_formats();
  out += man_tail;
  out += ".Sh EXAMPLES\n" + examples(root.get_footer()) + ".Sh SEE ALSO\n";
  std::set<std::string> names;
  for (const Command* command : commands())
    if (command->group != Group::hidden) names.insert(fmt::format(".Xr kvcache\\-{} 1", command->name));
  return out + fmt::format("{} ,\n.Xr kvcache\\-findings 7 ,\n.Xr kvcache\\-formats 7\n", fmt::join(names, " ,\n"));
}

}  // namespace

std::vector<ManPage> man_pages(const CLI::App& root) {
  std::vector<ManPage> pages = {{"kvcache.1", main_page(root)}};
  for (const Command* command : commands())
    if (command->group != Group::hidden)
      pages.push_back({fmt::format("kvcache-{}.1", command->name),
                       command_page(*root.get_subcommand(std::string(command->name)), *command)});
  pages.push_back({"kvcache-findings.7",
                   document_page("kvcache-findings", "what kvcache verify reports, and what to do", findings_document(),
                                 {"kvcache\\-explain 1", "kvcache\\-repair 1", "kvcache\\-verify 1"})});
  pages.push_back({"kvcache-formats.7",
                   document_page("kvcache-formats", "what runtimes write as prompt caches, and who can read it",
                                 formats_document(), {"kvcache\\-convert 1", "kvcache\\-explain 1", "kvcache\\-formats 1"})});
  return pages;
}

}  // namespace kvcache::cli
