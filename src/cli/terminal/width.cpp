#include "cli/terminal/width.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t in_a_pipe = 80;
constexpr std::size_t least = 20;

/// Of the environment, which shells do not export by themselves: who sets it means it. 0 for nothing of use.
std::size_t columns_variable() {
  const char* const value = std::getenv("COLUMNS");  // NOLINT(concurrency-mt-unsafe): nothing of ours sets variables
  if (value == nullptr) return 0;
  const std::string_view text = value;
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  return error == std::errc() && end == text.data() + text.size() ? columns : 0;
}

}  // namespace

std::size_t text_width(std::FILE* stream) {
  std::size_t width = detail::terminal_columns(stream);
  if (width == 0) width = columns_variable();
  return width == 0 ? in_a_pipe : std::max(width, least);
}

std::size_t line_width(std::FILE* stream) {
  return detail::is_terminal(stream) ? text_width(stream) : unlimited;
}

}  // namespace kvcache::cli
