// kvcache help and kvcache version: what --help and --version print, for those who type words.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/docs/help.h"
#include "cli/options/choice.h"
#include "cli/terminal/stdout.h"
#include "cli/version.h"
#include "common/nearest.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

std::vector<std::string_view> visible_commands() {
  std::vector<std::string_view> names;
  for (const Command* command : commands())
    if (command->group != Group::hidden) names.push_back(command->name);
  return names;
}

/// A command's name, or what may have been meant. Completion reads the names from its description.
CLI::Validator a_command() {
  const auto check = [](const std::string& word) -> std::string {
    const std::vector<std::string_view> names = visible_commands();
    if (std::find(names.begin(), names.end(), word) != names.end()) return {};
    const std::string_view meant = detail::nearest(word, names);
    return fmt::format("'{}' is no command{}{}", printable(word), hint_mark,
                       meant.empty() ? "`kvcache --help` lists them" : fmt::format("did you mean {}?", meant));
  };
  return {check, fmt::format("{{{}}}", fmt::join(visible_commands(), ","))};
}

Action declare_help(CLI::App& app, Context&) {
  const auto word = std::make_shared<std::string>();
  app.add_option("COMMAND", *word, "The command to explain; without one they are listed")->check(a_command());
  return [&app, word] {
    const CLI::App& root = *app.get_parent();
    if (word->empty()) {
      print(root.get_formatter()->make_help(&root, root.get_name(), CLI::AppFormatMode::Normal));
      return 0;
    }
    print(app.get_parent()->get_subcommand(*word)->help(root.get_name()));
    return 0;
  };
}

Action declare_version(CLI::App&, Context&) {
  return [] {
    print(fmt::format("kvcache {}\n", version()));
    return 0;
  };
}

}  // namespace

const Command help_command = {"help", Group::making, "Explain a command, or list all of them",
                              "  kvcache help\n"
                              "  kvcache help trim        the same as kvcache trim --help\n",
                              declare_help};

const Command version_command = {"version", Group::making, "Show the version",
                                 "  kvcache version\n"
                                 "  kvcache --version        the same\n",
                                 declare_version};

}  // namespace kvcache::cli
