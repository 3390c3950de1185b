#include "cli/terminal/hint_line.h"

#include <fmt/format.h>

#include "cli/terminal/words.h"

namespace kvcache::cli {

std::string hint_line(std::string_view prefix, std::string_view hint, std::size_t width) {
  const bool command = hint.starts_with("kvcache ") && hint.find('`') == std::string_view::npos;
  if (width == unlimited || !command) return hanging(fmt::format("{}{}", prefix, hint), width);
  // The marks of a command, for wrap() to know it by.
  std::string text = hanging(fmt::format("{}`{}`", prefix, hint), width);
  std::erase(text, '`');
  return text;
}

}  // namespace kvcache::cli
