#include "cli/docs/command_words.h"

#include <algorithm>

#include "cli/docs/help.h"

namespace kvcache::cli {
namespace {

void read_option(CommandWords& line, const std::string& word) {
  const bool is_long = word.starts_with("--");
  if (const std::size_t equals = word.find('='); is_long && equals != std::string::npos) {
    if (const CLI::Option* option = find_option(*line.app, word.substr(0, equals)))
      line.values.emplace_back(option, word.substr(equals + 1));
    return;
  }
  const CLI::Option* option = find_option(*line.app, is_long ? word : word.substr(0, 2));
  // -n7 has its value; of several flags in one word (-rq) none takes any.
  if (option != nullptr && takes_value(*option) && (is_long || word.size() == 2)) line.option = option;
}

}  // namespace

bool has_commands(const CLI::App& app) {
  return !app.get_subcommands([](const CLI::App*) { return true; }).empty();
}

CommandWords read_words(const CLI::App& root, const std::vector<std::string>& words) {
  CommandWords line;
  line.app = &root;
  for (const std::string& word : words) {
    if (line.option != nullptr) {
      line.values.emplace_back(line.option, word);
      line.option = nullptr;
    } else if (!line.only_operands && word == "--") {
      line.only_operands = true;
    } else if (!line.only_operands && word.size() > 1 && word.front() == '-') {
      read_option(line, word);
    } else if (has_commands(*line.app)) {
      const std::vector<const CLI::App*> commands =
          line.app->get_subcommands([&](const CLI::App* c) { return c->get_name() == word; });
      line.app = commands.empty() ? nullptr : commands.front();
      if (line.app == nullptr) return line;
    } else {
      line.operands.push_back(word);
    }
  }
  return line;
}

std::string value_on(const CommandWords& line, const std::string& name) {
  for (const auto& [option, value] : line.values) {
    const std::vector<std::string> names = flag_names(*option);
    if (std::find(names.begin(), names.end(), name) != names.end()) return value;
  }
  return {};
}

const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::App* where = &app; where != nullptr; where = where->get_parent()) {
    for (const CLI::Option* option : where->get_options({})) {
      const std::vector<std::string> names = flag_names(*option);
      if (std::find(names.begin(), names.end(), name) != names.end()) return option;
    }
  }
  return nullptr;
}

const CLI::Option* find_argument(const CLI::App& app, std::size_t place) {
  for (const CLI::Option* option : app.get_options({})) {
    if (!option->get_positional()) continue;
    if (place == 0 || option->get_expected_max() > 1) return option;
    --place;
  }
  return nullptr;
}

}  // namespace kvcache::cli
