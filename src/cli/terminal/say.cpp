#include "cli/terminal/say.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "cli/terminal/hint_line.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/style.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "documents/hint.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

// Longer than any message of ours with a path in it, short enough for a hostile one.
constexpr std::size_t line_limit = 8192;

void print_lines(std::string text) {
  text += '\n';
  // One call per message, so that those of several processes do not mix. There is nowhere to report a failure to.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

/// One line to a program; on a terminal as many as it needs.
void print_line(std::string_view colored_prefix, std::string_view text) {
  print_lines(hanging(fmt::format("{}{}", colored_prefix, printable(text, line_limit)), line_width(stderr)));
}

std::string prefix(const Context& context) {
  return context.command.empty() ? "kvcache:" : fmt::format("kvcache {}:", context.command);
}

}  // namespace

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return 2;
    case ErrorKind::unreadable:
      return 3;
    case ErrorKind::impossible:
      return 4;
    case ErrorKind::io:
      return 5;
    case ErrorKind::interrupted:
      break;
  }
  return interrupted_exit_code();
}

int report_error(const Context& context, const Error& error) {
  const Style style(context, stderr);
  std::string text = context.subject.empty() ? std::string() : detail::without_secrets(context.subject) + ": ";
  text += error.what();
  print_line(style.red(prefix(context)) + ' ', text);
  if (!error.remedy().empty())
    print_lines(hint_line(style.bold("hint:") + ' ', printable(documents::hint_of(error.remedy(), context.subject), line_limit),
                          line_width(stderr)));
  return exit_code(error.kind());
}

int report_internal_error(const Context& context, std::string_view what) {
  return report_error(context, Error(ErrorKind::io, fmt::format("internal error: {}", what),
                                     "this is a bug of kvcache: please report it with the command line and the file's header"));
}

void say(std::string_view text) {
  print_line({}, text);
}

void warn(const Context& context, std::string_view message) {
  print_line(Style(context, stderr).yellow("warning:") + ' ', message);
}

}  // namespace kvcache::cli
