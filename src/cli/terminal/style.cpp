#include "cli/terminal/style.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing of ours sets variables
  return value != nullptr ? value : "";
}

bool is_no(std::string_view value) {
  return value == "0" || value == "false";
}

/// What the environment says, where it says anything. NO_COLOR (https://no-color.org) comes before what forces colours, as
/// https://bixense.com/clicolors has it; FORCE_COLOR (https://force-color.org) says no by 0, as programs for Node take it.
std::optional<bool> wanted_by_environment() {
  if (!variable("NO_COLOR").empty()) return false;
  const std::string_view clicolor_force = variable("CLICOLOR_FORCE");
  if (!clicolor_force.empty() && !is_no(clicolor_force)) return true;
  if (const std::string_view force = variable("FORCE_COLOR"); !force.empty()) return !is_no(force);
  if (variable("CLICOLOR") == "0") return false;
  return std::nullopt;
}

}  // namespace

Style::Style(const Context& context, std::FILE* stream) {
  switch (context.color) {
    case When::always:
      on_ = true;
      break;
    case When::never:
      on_ = false;
      break;
    case When::automatic:
      on_ = wanted_by_environment().value_or(variable("TERM") != "dumb" && detail::is_terminal(stream));
      break;
  }
}

std::string Style::paint(std::string_view code, std::string_view text) const {
  return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace kvcache::cli
