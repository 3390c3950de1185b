#include "cli/terminal/style.h"

#include <fmt/format.h>

#include <cstdlib>

#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

// https://no-color.org: set and not empty.
bool is_set(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing of ours sets variables
  return value != nullptr && *value != '\0';
}

bool dumb_terminal() {
  const char* term = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): as above
  return term != nullptr && std::string_view(term) == "dumb";
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
      on_ = !is_set("NO_COLOR") && !dumb_terminal() && detail::is_terminal(stream);
      break;
  }
}

std::string Style::paint(std::string_view code, std::string_view text) const {
  return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace kvcache::cli
