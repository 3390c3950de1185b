// What a command of the tool is, and what all commands share.
//
// A new command is one file NAME.cpp that defines `const Command NAME_command`, one line in commands.h and one in the table of
// commands.cpp. The file holds only arguments and printing; what the command does is the library's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace kvcache::cli {

/// Sections of `kvcache --help`, in this order. Hidden commands are for the build.
enum class Group { looking, checking, editing, batching, making, hidden };

enum class When { automatic, always, never };

struct RemoteUse;

/// Options before the command, and what an error message needs to know. Lives as long as the process.
struct Context {
  bool quiet = false;    ///< no summaries, no lines about files that are fine
  bool progress = true;  ///< false: no bars, whatever standard error is
  When color = When::automatic;
  bool verbose = false;               ///< what remote files cost
  std::shared_ptr<RemoteUse> remote;  ///< how to reach what lies elsewhere (files/remote_use.h); made with the command line
  std::string command;                ///< "trim", or empty
  std::string subject;  ///< the file or option at work: errors that are thrown are about it. Empty: none in particular
};

/// What is left to do once the command line is understood. Returns the exit code; throws kvcache::Error.
using Action = std::function<int()>;

struct Command {
  std::string_view name;
  Group group;
  std::string_view summary;   ///< one line, for lists of commands; starts with a verb, ends without a full stop
  std::string_view examples;  ///< lines for the end of --help: at least two that a user can paste
  /// Declares the options on `app`. They are read when the action runs, so they live in it (a shared_ptr in its captures).
  Action (*declare)(CLI::App& app, Context& context);
  /// What the summary and the options do not say, for the man page: paragraphs, separated by an empty line.
  std::string_view details = {};
};

}  // namespace kvcache::cli
