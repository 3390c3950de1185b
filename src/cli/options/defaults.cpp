#include "cli/options/defaults.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/terminal/words.h"
#include "common/nearest.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "platform/text_file.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> variable(const std::string& name) {
  // Nothing of ours sets variables, so reading one is safe.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

/// Nothing where there is none.
std::optional<std::string> config_file() {
  if (auto named = variable("KVCACHE_CONFIG")) return named->empty() ? std::nullopt : named;
  fs::path folder;
  if (const auto set = variable("XDG_CONFIG_HOME"); set && !set->empty())
    folder = *set;
  else if (const auto home = variable("HOME"); home && !home->empty())
    folder = fs::path(*home) / ".config";
  else
    return std::nullopt;
  const fs::path file = folder / "kvcache" / "config.toml";
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return std::nullopt;
  return file.string();
}

/// What has to be said each time.
bool may_have_default(const CLI::Option& option) {
  constexpr std::string_view never[] = {"yes", "force", "in-place", "output", "help", "version"};
  const auto& names = option.get_lnames();
  if (names.empty()) return false;
  return std::ranges::none_of(names,
                              [&](const std::string& name) { return std::ranges::find(never, name) != std::end(never); });
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
    return c == '-' ? '_' : c;
  });
  return text;
}

void take_variables(CLI::App& app, const std::string& prefix) {
  for (CLI::Option* option : app.get_options()) {
    const bool folder = option->get_positional() && !option->get_required() && option->get_name() == "DIR";
    if (!folder && !may_have_default(*option)) continue;
    const std::string name = prefix + upper(folder ? "DIR" : option->get_lnames().front());
    // Only then, so that help does not list one for each option.
    if (const auto value = variable(name); value && !value->empty()) option->envname(name);
  }
}

[[noreturn]] void refuse(const std::string& file, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::usage, fmt::format("{}: {}", shown_path(file), what), hint);
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (may_have_default(*option)) names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  return names;
}

const CLI::App* command_of(const CLI::App& app, const std::string& name) {
  const auto commands = app.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  return commands.empty() ? nullptr : commands.front();
}

bool is_command(const std::string& name) {
  return std::ranges::any_of(commands(),
                             [&](const Command* command) { return command->name == name && command->group != Group::hidden; });
}

/// CLI11 passes over what it does not know, which a command at hand may just misspell.
void check_item(const CLI::App& app, const std::string& file, const CLI::ConfigItem& item) {
  if (item.name == "++" || item.name == "--") return;  // begin and end of a section
  const CLI::App* of = &app;
  if (!item.parents.empty()) {
    of = command_of(app, item.parents.front());
    if (!is_command(item.parents.front()) || item.parents.size() > 1)
      refuse(file, fmt::format("[{}] is no command", printable(item.parents.front())), "`kvcache --help` lists the commands");
    // A command's options are declared when it is asked for.
    if (of == nullptr || of->get_options().size() <= 1) return;
  }
  const std::vector<std::string> names = names_of(*of);
  if (std::ranges::find(names, item.name) != names.end()) return;
  const std::string section = item.parents.empty() ? "" : fmt::format("[{}] ", printable(item.parents.front()));
  if (of->get_option_no_throw("--" + item.name) != nullptr)
    refuse(file, fmt::format("{}{}: this can only be said on the command line", section, printable(item.name)),
           "remove the line");
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view meant = detail::nearest(item.name, views);
  refuse(file, fmt::format("{}{} is no option that has a default", section, printable(item.name)),
         meant.empty() ? std::string("the names are those of the long options") : fmt::format("did you mean {}?", meant));
}

void take_file(CLI::App& app, const std::string& file) {
  std::istringstream stream;
  try {
    constexpr std::uint64_t most = 1U << 20U;
    stream.str(detail::read_text_file(file, {most, ErrorKind::usage, "name another one with KVCACHE_CONFIG"}));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw error.with_context(shown_path(file));
    refuse(file, "this configuration cannot be read", "KVCACHE_CONFIG= goes without one");
  }
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(stream);
  } catch (const CLI::ParseError& error) {
    refuse(file, error.what(), "lines such as sort = \"size\", below a line [ls]");
  }
  for (const CLI::ConfigItem& item : items) check_item(app, file, item);
  app.allow_config_extras(CLI::config_extras_mode::ignore);  // options of other commands
  app.set_config("--config-file", file)->group("");
}

}  // namespace

void add_defaults(CLI::App& app) {
  take_variables(app, "KVCACHE_");
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    take_variables(*command, fmt::format("KVCACHE_{}_", upper(command->get_name())));
  if (const auto file = config_file()) take_file(app, *file);
}

}  // namespace kvcache::cli
