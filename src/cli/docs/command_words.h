// An unfinished command line, as far as it is understood: for completion.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/cli11.h"

namespace kvcache::cli {

struct CommandWords {
  const CLI::App* app = nullptr;      ///< the command, or the tool itself before there is one; nullptr: unknown command
  std::vector<std::string> operands;  ///< arguments of the command that are no options
  std::vector<std::pair<const CLI::Option*, std::string>> values;  ///< of its options
  const CLI::Option* option = nullptr;                             ///< whose value comes next
  bool only_operands = false;                                      ///< after --
};

/// Whether a command has commands of its own, as the tool has, and `store`.
[[nodiscard]] bool has_commands(const CLI::App& app);

/// Takes in complete words.
[[nodiscard]] CommandWords read_words(const CLI::App& root, const std::vector<std::string>& words);

/// The value that an option has on the line ("--store"); empty where it is not there.
[[nodiscard]] std::string value_on(const CommandWords& line, const std::string& name);

/// The option of the command or of the tool that is called so ("-o", "--output"), or nullptr.
[[nodiscard]] const CLI::Option* find_option(const CLI::App& app, const std::string& name);

/// The argument that stands at this place; the last one, when that takes many. nullptr: none is left.
[[nodiscard]] const CLI::Option* find_argument(const CLI::App& app, std::size_t place);

}  // namespace kvcache::cli
