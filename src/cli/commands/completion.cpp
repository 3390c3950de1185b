// kvcache completion: the script that makes a shell complete commands, options and what is in a file.
#include "cli/cli11.h"
#include "cli/docs/completion_scripts.h"

#include <memory>

#include "cli/commands.h"
#include "cli/terminal/stdout.h"

namespace kvcache::cli {
namespace {

Action declare_completion(CLI::App& app, Context&) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell] {
    print(*shell == "bash" ? bash_completion() : *shell == "zsh" ? zsh_completion() : fish_completion());
    return 0;
  };
}

}  // namespace

const Command completion_command = {
    "completion",
    Group::making,
    "Print a script that makes a shell complete command lines",
    "  source <(kvcache completion bash)                               in ~/.bashrc\n"
    "  source <(kvcache completion zsh)                                in ~/.zshrc, after compinit\n"
    "  kvcache completion fish > ~/.config/fish/completions/kvcache.fish   once",
    declare_completion,
    "What the script offers it asks the tool, so it need not be renewed when the tool is."};

}  // namespace kvcache::cli
