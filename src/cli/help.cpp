#include "cli/help.h"

#include <fmt/format.h>

#include <sstream>

#include "cli/text.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t description_column = 26;

// Left text, description wrapped beside it; below it when the left text is too long.
std::string entry(const std::string& left, const std::string& description) {
  std::string out = std::string(indent, ' ') + left;
  bool fits = columns(out) + 2 <= description_column;
  for (const std::string& line : wrap(description, text_width - description_column)) {
    out += fits ? std::string(description_column - columns(out.substr(out.rfind('\n') + 1)), ' ')
                : '\n' + std::string(description_column, ' ');
    out += line;
    fits = false;
  }
  return out + '\n';
}

// CLI11 appends what checks a value to its name: "C:{KVCache,ArraysCache}".
struct TypeName {
  std::string value;
  std::string choices;  // "KVCache,ArraysCache", or empty
};
TypeName split_type_name(const CLI::Option& option) {
  const std::string name = option.get_type_name();
  const std::size_t brace = name.find(":{");
  if (brace == std::string::npos) return {name, {}};
  return {name.substr(0, brace), name.substr(brace + 2, name.size() - brace - 3)};
}

// A name such as "f16|bf16" says it already.
std::string choices_of(const CLI::Option& option) {
  const TypeName type = split_type_name(option);
  if (type.choices.empty() || type.value.find('|') != std::string::npos) return {};
  std::string out = ": ";
  for (const char c : type.choices) out += c == ',' ? ", " : std::string(1, c);
  return out;
}

}  // namespace

std::string HelpFormatter::make_description(const CLI::App* app) const {
  std::string out;
  for (const std::string& line : wrap(app->get_description(), text_width)) out += line + '\n';
  return out + '\n';
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string out = "Usage: " + name;
  if (app->get_parent() == nullptr) return out + " [OPTIONS] COMMAND [OPTIONS] FILE...\n";
  for (const CLI::Option* option : app->get_options({}))
    if (option->get_positional()) out += ' ' + make_option_usage(option);
  return out + " [OPTIONS]\n";
}

std::string HelpFormatter::make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const {
  std::string out = fmt::format("\n{}:\n", group);
  for (const CLI::Option* option : options) out += make_option(option, is_positional);
  return out;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return entry(make_option_name(option, is_positional) + (is_positional ? "" : make_option_opts(option)),
               option->get_description() + choices_of(*option));
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return option->get_name(true, false);
  std::string out;
  for (const std::string& name : option->get_snames()) out += (out.empty() ? "-" : ", -") + name;
  for (const std::string& name : option->get_lnames()) out += (out.empty() ? "--" : ", --") + name;
  return out;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  return option->get_items_expected_max() == 0 ? "" : ' ' + split_type_name(*option).value;
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  std::string out;
  std::istringstream footer(app->get_footer());
  for (std::string line; std::getline(footer, line);) {
    // Examples are indented, and pasted: they stay as they are.
    if (line.starts_with(' '))
      out += line + '\n';
    else
      for (const std::string& part : wrap(line, text_width)) out += part + '\n';
  }
  return out;
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options({})) {
    for (const std::string& name : option->get_snames()) out.push_back('-' + name);
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  }
  return out;
}

}  // namespace kvcache::cli
