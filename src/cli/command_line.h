// The command line: what CLI11 is told, and what is made of its answers.
#pragma once

#include <memory>
#include <vector>

#include "cli/command.h"

namespace kvcache::cli {

class CommandLine {
 public:
  /// `context` is filled by parse() and outlives this.
  explicit CommandLine(Context& context);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// What the arguments ask for; --help and --version are actions, too. Throws Error(usage) with a "did you mean" where a
  /// command or a flag is misspelt. The action must not outlive this object.
  [[nodiscard]] Action parse(int argc, const char* const* argv);

  /// All options of all commands, for what is generated from them: completions, the man page.
  [[nodiscard]] const CLI::App& app();

 private:
  /// Only commands that are among the arguments are told to CLI11, and have their options declared: all of them would be half
  /// of a short run.
  void know(std::size_t i);
  void declare(std::size_t i);

  std::unique_ptr<CLI::App> app_;
  Context& context_;
  std::vector<CLI::App*> known_;  ///< nullptr: not told yet
  std::vector<Action> actions_;   ///< one per command, in the order of commands()
};

}  // namespace kvcache::cli
