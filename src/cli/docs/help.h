// What --help prints.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli11.h"

namespace kvcache::cli {

/// Help as wide as the terminal: usage, options with wrapped descriptions, commands by group, examples.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { label("Positionals", "Arguments"); }
  std::string make_description(const CLI::App* app) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_footer(const CLI::App* app) const override;
};

/// The same with lines of prose, which are not indented, joined to paragraphs: where they end in the source means nothing.
[[nodiscard]] std::string joined_prose(std::string_view examples);

/// Examples for the end of help. Lines "  COMMAND   what it does" keep their words beside the command where there is room, else
/// the words come first, as a comment. A command that is longer than a line is continued as a shell takes it. Other lines are
/// prose.
[[nodiscard]] std::string examples_text(std::string_view examples, std::size_t width);

/// Names on the command line: "-o", "--output", without values.
[[nodiscard]] std::vector<std::string> flag_names(const CLI::App& app);
[[nodiscard]] std::vector<std::string> flag_names(const CLI::Option& option);

/// What an option takes, or an argument is.
struct ValueName {
  std::string name;                  ///< as help shows it: "LEN", "f16|bf16|f32"
  std::vector<std::string> choices;  ///< all that is allowed, or empty
};
[[nodiscard]] ValueName value_name(const CLI::Option& option);
[[nodiscard]] bool takes_value(const CLI::Option& option);
/// An option's description, with the choices where its value's name does not say them.
[[nodiscard]] std::string full_description(const CLI::Option& option);

}  // namespace kvcache::cli
