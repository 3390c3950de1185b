#include "cli/docs/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <sstream>

#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t description_column = 26;
// Where less than this is left for descriptions they go below what they describe.
constexpr std::size_t narrowest_description = 30;

// Left text, description wrapped beside it; below it when the left text is too long.
std::string entry(const std::string& left, const std::string& description) {
  const std::size_t width = text_width();
  const std::size_t column = width < description_column + narrowest_description ? 3 * indent : description_column;
  std::string out = std::string(indent, ' ') + left;
  bool beside = column == description_column && columns(out) + 2 <= column;
  for (const std::string& line : wrap(description, width - column)) {
    out += beside ? std::string(column - columns(out), ' ') : '\n' + std::string(column, ' ');
    out += line;
    beside = false;
  }
  return out + '\n';
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return paragraph(app->get_description()) + '\n';
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string out = "Usage: " + name;
  if (app->get_parent() == nullptr) return paragraph(out + " [OPTIONS] COMMAND [OPTIONS] FILE...");
  for (const CLI::Option* option : app->get_options({}))
    if (option->get_positional()) out += ' ' + make_option_usage(option);
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty()) return paragraph(out + " COMMAND [OPTIONS]");
  return paragraph(out + " [OPTIONS]");
}

std::string HelpFormatter::make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const {
  std::string out = fmt::format("\n{}:\n", group);
  for (const CLI::Option* option : options) out += make_option(option, is_positional);
  return out;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return entry(make_option_name(option, is_positional) + (is_positional ? "" : make_option_opts(option)),
               full_description(*option));
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return option->get_name(true, false);
  return fmt::format("{}", fmt::join(flag_names(*option), ", "));
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  return takes_value(*option) ? ' ' + value_name(*option).name : "";
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  std::string out;
  if (app->get_parent() != nullptr)
    out = paragraph("All commands take -q, --color WHEN and --no-progress, too: `kvcache --help`.") + '\n';
  return out + examples_text(app->get_footer(), text_width());
}

std::string joined_prose(std::string_view examples) {
  std::string out;
  bool prose = false;
  std::istringstream lines{std::string(examples)};
  for (std::string line; std::getline(lines, line);) {
    const bool is_prose = !line.empty() && !line.starts_with(' ') && line != "Examples:";
    if (!out.empty()) out += prose && is_prose ? ' ' : '\n';
    out += line;
    prose = is_prose;
  }
  return out;
}

std::string examples_text(std::string_view examples, std::size_t width) {
  std::string out;
  std::istringstream lines{joined_prose(examples)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(' ')) {
      for (const std::string& part : wrap(line, width)) out += part + '\n';
      continue;
    }
    if (columns(line) <= width) {
      out += line + '\n';
      continue;
    }
    const std::size_t begin = line.find_first_not_of(' ');
    const std::size_t end = line.find("  ", begin);
    const std::string margin(begin, ' ');
    if (end != std::string::npos)
      for (const std::string& part : wrap(line.substr(line.find_first_not_of(' ', end)), width - begin - 2))
        out.append(margin).append("# ").append(part).append("\n");
    // The marks of a command, for wrap() to know it by, take no place in what is shown.
    bool first = true;
    for (std::string part :
         wrap('`' + line.substr(begin, end == std::string::npos ? end : end - begin) + '`', width - begin - 2)) {
      std::erase(part, '`');
      out.append(margin).append(first ? "" : "  ").append(part).append("\n");
      first = false;
    }
  }
  return out;
}

std::vector<std::string> flag_names(const CLI::Option& option) {
  std::vector<std::string> out;
  for (const std::string& name : option.get_snames()) out.push_back('-' + name);
  for (const std::string& name : option.get_lnames()) out.push_back("--" + name);
  return out;
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options({}))
    for (std::string& name : flag_names(*option)) out.push_back(std::move(name));
  return out;
}

ValueName value_name(const CLI::Option& option) {
  // CLI11 appends what checks a value to its name: "C:{KVCache,ArraysCache}".
  const std::string text = option.get_type_name();
  const std::size_t brace = text.find(":{");
  ValueName out{text.substr(0, brace), {}};
  if (brace != std::string::npos) {
    out.choices = split(std::string_view(text).substr(brace + 2, text.size() - brace - 3), ',');
  } else if (text.find('|') != std::string::npos) {
    out.choices = split(text, '|');
  }
  if (option.get_positional()) out.name = option.get_name(true, false);
  return out;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

std::string full_description(const CLI::Option& option) {
  const ValueName value = value_name(option);
  if (value.choices.empty() || value.name.find('|') != std::string::npos || option.get_positional())
    return option.get_description();
  return fmt::format("{}: {}", option.get_description(), fmt::join(value.choices, ", "));
}

}  // namespace kvcache::cli
