#include "cli/command_line.h"

#include "cli/cli11.h"

#include <CLI/CLI.hpp>  // and the definitions of what App.hpp only declares, once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "cli/commands.h"
#include "cli/docs/complete.h"
#include "cli/docs/help.h"
#include "cli/files/remote_use.h"
#include "cli/near_misses.h"
#include "cli/options/choice.h"
#include "cli/options/defaults.h"
#include "cli/options/quantities.h"
#include "cli/terminal/say.h"
#include "cli/terminal/stdout.h"
#include "cli/version.h"
#include "common/nearest.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

constexpr auto description = "Inspects, verifies, converts and edits prompt-cache files of mlx-lm, mlx-swift-lm and mlxrs.";
constexpr std::array<std::string_view, 2> help_flags = {"-h", "--help"};

constexpr auto short_usage =
    "usage: kvcache [OPTIONS] COMMAND [OPTIONS] FILE...\n"
    "hint: `kvcache --help` lists the commands, `kvcache inspect FILE` shows what is in a file\n";
constexpr auto root_examples =
    "Examples:\n"
    "  kvcache inspect chat.safetensors       what is in it, and who can load it\n"
    "  kvcache verify -r ~/prompt-caches      is every file intact\n"
    "  kvcache COMMAND --help                 options and examples of a command";

// CLI11 takes "[a,b]" for a list, and forgets "--" once the required operands are there. An argument with a mark before it has
// neither problem; whoever gets it takes the mark off.
constexpr char operand_mark = '\x01';

std::string without_mark(std::string argument) {
  if (!argument.empty() && argument.front() == operand_mark) argument.erase(0, 1);
  return argument;
}

bool is_option(std::string_view argument) {
  return argument.size() > 1 && argument.front() == '-';
}

// -1 looks like a number to CLI11, and so like an operand. Ours are files and words: it is an option that does not exist.
[[noreturn]] void refuse_number(const std::string& text) {
  throw Error(ErrorKind::usage, fmt::format("unknown option '{}'", printable(text)),
              fmt::format("a file of that name is {}, or comes after --", shell_path(text)));
}

void take_marks_off(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;
    const CLI::Validator unmark(
        [operand = option->get_positional()](std::string& text) {
          if (operand && is_option(text)) refuse_number(text);
          text = without_mark(text);
          return std::string();
        },
        "");
    option->transform(unmark);
  }
  for (CLI::App* sub : app.get_subcommands({})) take_marks_off(*sub);
}

/// The innermost command that was given: `put` of `kvcache store put`.
const CLI::App* innermost(const CLI::App* command) {
  while (command != nullptr && !command->get_subcommands().empty()) command = command->get_subcommands().front();
  return command;
}

/// "store put"
std::string words_of(const CLI::App* command) {
  std::string words;
  for (; command != nullptr && command->get_parent() != nullptr; command = command->get_parent())
    words = words.empty() ? command->get_name() : fmt::format("{} {}", command->get_name(), words);
  return words;
}

std::vector<std::string> operands_marked(int argc, const char* const* argv) {
  std::vector<std::string> out;
  bool only_operands = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (!only_operands && argument == "--") {
      only_operands = true;
      continue;
    }
    const bool bracketed = argument.size() > 1 && argument.front() == '[' && argument.back() == ']';
    const bool marked = !argument.empty() && argument.front() == operand_mark;
    if (only_operands || bracketed || marked) argument.insert(0, 1, operand_mark);
    out.push_back(std::move(argument));
  }
  return out;
}

std::string help_hint(const Context& context) {
  return context.command.empty() ? "`kvcache --help` lists the commands"
                                 : fmt::format("`kvcache {} --help` lists the options", context.command);
}

// The line as it was typed, but with this command in the place of the one that there is not.
std::string corrected(const CLI::App& app, const std::string& wrong, std::string_view meant) {
  std::string line = fmt::format("kvcache {}", meant);
  bool replaced = false;
  for (const std::string& argument : app.remaining(true)) {
    if (!replaced && without_mark(argument) == wrong)
      replaced = true;
    else
      line += ' ' + (argument.front() == operand_mark ? shell_path(argument.substr(1)) : shell_word(argument));
  }
  return line;
}

const CLI::Option* option_named(const CLI::App& app, const std::string& name) {
  if (const CLI::Option* option = app.get_option_no_throw(name)) return option;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (const CLI::Option* option = option_named(*sub, name)) return option;
  return nullptr;
}

// `--keep-bytes 300 MB`: MB would be taken for a folder, which is not there.
void refuse_split_quantities(const CLI::App& app, Context& context, const std::vector<std::string>& arguments) {
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string &flag = arguments[i - 2], &number = arguments[i - 1], &unit = arguments[i];
    if (!flag.starts_with("--")) continue;
    const CLI::Option* const option = option_named(app, flag);
    std::error_code unknown;
    if (option == nullptr || !is_split_quantity(*option, number, unit) || std::filesystem::exists(unit, unknown)) continue;
    const auto command = std::ranges::find_if(
        commands(), [&](const Command* c) { return std::ranges::find(arguments, c->name) != arguments.end(); });
    if (command != commands().end()) context.command = (*command)->name;
    throw Error(ErrorKind::usage, fmt::format("{} {} {} is a number and another word", flag, number, unit),
                fmt::format("{} {}{}", flag, number, unit));
  }
}

// A word that is no command: of another tool, or mistyped?
Error unknown_command(const Context& context, const CLI::App& app, const std::string& word) {
  const std::string what = fmt::format("unknown command '{}'", printable(word));
  std::string_view meant = command_elsewhere(word);
  if (meant == "prune")
    return Error(ErrorKind::usage, what, "prune deletes caches by age, size, model or damage: `kvcache prune --help`");
  std::vector<std::string_view> names;
  for (const Command* c : commands())
    if (c->group != Group::hidden) names.push_back(c->name);
  // One letter is too little to guess from.
  if (meant.empty() && word.size() > 2) meant = detail::nearest(word, names);
  return Error(ErrorKind::usage, what,
               meant.empty() ? help_hint(context) : fmt::format("did you mean `{}`?", corrected(app, word, meant)));
}

// A mistyped word or flag: what is it, and what may have been meant?
Error not_understood(const Context& context, const CLI::App& app, const CLI::App* command, const std::string& argument) {
  const bool option = argument.size() > 1 && argument.front() == '-';
  if (!option && command == nullptr) return unknown_command(context, app, argument);
  if (!option) return Error(ErrorKind::usage, fmt::format("unexpected argument '{}'", argument), help_hint(context));
  std::vector<std::string> candidates = flag_names(app);
  if (command != nullptr)
    for (std::string& name : flag_names(*command)) candidates.push_back(std::move(name));
  std::string word = argument.substr(0, argument.find('='));
  // -nx is -n with a value: only its name can be wrong.
  if (word.size() > 2 && word[1] != '-') word.resize(2);
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const std::string_view meant = word.size() <= 2 ? std::string_view() : detail::nearest(word, views);
  return Error(ErrorKind::usage, fmt::format("unknown option '{}'", word),
               meant.empty() ? help_hint(context) : fmt::format("did you mean {}?", meant));
}

// CLI11 says "--output: 1 required TEXT missing" and "--output: At Most 1 required but received 2".
std::string mismatch_in_words(const std::string& text) {
  const std::string name = text.substr(0, text.find(':'));
  if (text.find("missing") != std::string::npos) return name + " needs a value";
  if (text.find("At Most") != std::string::npos || text.find("received") != std::string::npos)
    return name + " is given more than once";
  return text;
}

Error usage_error(const Context& context, const CLI::App& app, const CLI::App* command, const CLI::ParseError& error) {
  // An unknown option is the cause, and what is missing may be no more than its consequence.
  const bool missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (missing || dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    for (const std::string& argument : app.remaining(true))
      if (argument != "--" && (!missing || is_option(argument)))
        return not_understood(context, app, command, without_mark(argument));
  std::string message = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) message = mismatch_in_words(message);
  if (const std::size_t mark = message.find(hint_mark); mark != std::string::npos)
    return Error(ErrorKind::usage, message.substr(0, mark), message.substr(mark + hint_mark.size()));
  // A command's own help does not explain what all commands have.
  return Error(ErrorKind::usage, message, help_hint(message.starts_with("--color") ? Context() : context));
}

void declare_global_options(CLI::App& app, Context& context) {
  static const std::map<std::string, When> whens = {
      {"auto", When::automatic}, {"always", When::always}, {"never", When::never}};
  app.set_help_flag("-h,--help", "Show this help and exit");
  app.add_flag("-q,--quiet", context.quiet, "Say less: no summaries, and nothing about files that are fine");
  app.add_option_function<std::string>(
         "--color",
         [&context](const std::string& when) {
           const auto found = whens.find(when);
           if (found == whens.end())
             throw CLI::ValidationError("--color", fmt::format("'{}' is none of auto, always, never", when));
           context.color = found->second;
         },
         "Colour the output; auto (the default): only on a terminal, and without NO_COLOR set")
      ->type_name("auto|always|never");
  app.add_flag_callback(
      "--no-progress", [&context] { context.progress = false; }, "No progress bars");
  add_remote_options(app, context);
  app.set_version_flag("-V,--version", "kvcache " + std::string(version()), "Show the version and exit");
  // Global options are understood after the command, too.
  app.fallthrough();
}

}  // namespace

CommandLine::CommandLine(Context& context) : app_(std::make_unique<CLI::App>(description, "kvcache")), context_(context) {
  app_->formatter(std::make_shared<HelpFormatter>());
  declare_global_options(*app_, context);
  app_->require_subcommand(0, 1);
  app_->footer(root_examples);
  known_.resize(commands().size());
  actions_.resize(commands().size());
}

CommandLine::~CommandLine() = default;

void CommandLine::know(std::size_t i) {
  if (known_[i] != nullptr) return;
  const Command& command = *commands()[i];
  known_[i] = app_->add_subcommand(std::string(command.name), std::string(command.summary));
  known_[i]->group(std::string(title(command.group)));
  known_[i]->footer("Examples:\n" + std::string(command.examples));
}

void CommandLine::declare(std::size_t i) {
  if (actions_[i]) return;
  know(i);
  actions_[i] = commands()[i]->declare(*known_[i], context_);
  take_marks_off(*known_[i]);
}

const CLI::App& CommandLine::app() {
  for (std::size_t i = 0; i < actions_.size(); ++i) declare(i);
  return *app_;
}

Action CommandLine::parse(int argc, const char* const* argv) {
  // Before anything is understood: its words are another, unfinished command line.
  if (argc > 2 && std::string_view(argv[1]) == "complete")
    return [this, shell = std::string(argv[2]), words = std::vector<std::string>(argv + 3, argv + argc)] {
      print(complete(app(), shell, words));
      return 0;
    };
  std::vector<std::string> arguments = operands_marked(argc, argv);
  const auto given = [&](std::string_view word) {
    return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
  };
  // The help of the tool lists all of them, in the order of the table; that of a command needs no other.
  const auto help = std::find_first_of(arguments.begin(), arguments.end(), help_flags.begin(), help_flags.end());
  const bool of_command = std::any_of(arguments.begin(), help, [](const std::string& word) {
    return std::any_of(commands().begin(), commands().end(), [&](const Command* command) { return command->name == word; });
  });
  if (given(help_command.name) || (help != arguments.end() && !of_command))
    for (std::size_t i = 0; i < known_.size(); ++i) know(i);
  for (std::size_t i = 0; i < actions_.size(); ++i)
    if (given(commands()[i]->name)) declare(i);
  add_defaults(*app_);
  refuse_split_quantities(*app_, context_, arguments);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  const auto chosen = [this] { return innermost(app_->get_subcommands().empty() ? nullptr : app_->get_subcommands().front()); };
  try {
    app_->parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return [this] {
      print(app_->help());  // of the command, where there is one
      return 0;
    };
  } catch (const CLI::CallForVersion& version) {
    return [text = std::string(version.what())] {
      print(text + '\n');
      return 0;
    };
  } catch (const Error&) {
    context_.command = words_of(chosen());
    throw;
  } catch (const CLI::ParseError& error) {
    const CLI::App* command = chosen();
    context_.command = words_of(command);
    throw usage_error(context_, *app_, command, error);
  }
  if (const CLI::App* command = chosen()) {
    context_.command = words_of(command);
    const std::string first = app_->get_subcommands().front()->get_name();
    for (std::size_t i = 0; i < actions_.size(); ++i)
      if (commands()[i]->name == first) return actions_[i];
  }
  return [] {
    (void)std::fputs(short_usage, stderr);
    return exit_code(ErrorKind::usage);
  };
}

}  // namespace kvcache::cli
