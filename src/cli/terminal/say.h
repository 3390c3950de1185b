// The one place that prints errors and warnings.
#pragma once

#include <string_view>

#include "cli/command.h"
#include "kvcache/error.h"

namespace kvcache::cli {

/// Exit code of a kind of failure.
[[nodiscard]] int exit_code(ErrorKind kind) noexcept;

/// Prints `kvcache COMMAND: SUBJECT: what is wrong` and, where one exists, `hint: what to do`, on standard error; control
/// characters and invalid UTF-8 escaped. Returns the exit code.
int report_error(const Context& context, const Error& error);

/// An exception that no part of kvcache throws. Exit code 5.
int report_internal_error(const Context& context, std::string_view what);

/// A line of summary on standard error. That nobody can read it is no failure: the work is done by then.
void say(std::string_view text);

/// `warning: ...` on standard error.
void warn(const Context& context, std::string_view message);

}  // namespace kvcache::cli
