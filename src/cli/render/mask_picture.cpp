#include "cli/render/mask_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

// Lines of all groups together, before axis and legend.
constexpr std::int64_t most_lines = 32;
constexpr std::int64_t tick_distance = 10;
constexpr std::size_t piece = 64U << 10U;

std::int64_t divided_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// How many rows and columns one character stands for, and what is left out.
struct Scale {
  std::int64_t rows = 0, columns = 0;            // of the mask
  std::int64_t per_line = 1, per_character = 1;  // mask rows per line, mask columns per character
  std::int64_t groups_shown = 0;
  std::size_t label_width = 0;
};

Scale scale_of(const MaskPicture& picture) {
  Scale s;
  s.columns = picture.mask.dim(-1);
  s.rows = s.columns == 0 ? 0 : static_cast<std::int64_t>(picture.mask.elements()) / s.columns;
  const std::int64_t groups = s.rows / picture.group;
  s.groups_shown = std::min(groups, most_lines);
  const std::int64_t lines_per_group = std::max<std::int64_t>(1, most_lines / std::max<std::int64_t>(1, groups));
  s.per_line = divided_up(picture.group, std::min(picture.group, lines_per_group));
  s.label_width = picture.row_title.size();
  for (std::int64_t g = 0; g < s.groups_shown; ++g)
    for (std::int64_t row = 0; row < picture.group; row += s.per_line)
      s.label_width = std::max(s.label_width, columns(picture.label(g * picture.group + row)));
  const auto room = static_cast<std::int64_t>(text_width() - std::min(text_width() - 1, s.label_width + 2));
  s.per_character = divided_up(std::max<std::int64_t>(s.columns, 1), room);
  return s;
}

// Adds what one row of the mask shows to a count for each character.
void count_row(const Tensor& mask, std::int64_t row, const Scale& s, std::vector<std::int64_t>& visible) {
  std::vector<std::byte> buffer(std::min<std::size_t>(piece, static_cast<std::size_t>(s.columns)));
  for (std::int64_t column = 0; column < s.columns;) {
    const auto count = std::min<std::int64_t>(s.columns - column, static_cast<std::int64_t>(buffer.size()));
    const std::span<std::byte> part = std::span(buffer).first(static_cast<std::size_t>(count));
    mask.read(static_cast<std::uint64_t>(row * s.columns + column), part);
    for (const std::byte value : part) {
      if (value != std::byte{0}) ++visible[static_cast<std::size_t>(column / s.per_character)];
      ++column;
    }
  }
}

// The line for mask rows [first, last).
std::string cells(const Tensor& mask, std::int64_t first, std::int64_t last, const Scale& s) {
  std::vector<std::int64_t> visible(static_cast<std::size_t>(divided_up(s.columns, s.per_character)));
  for (std::int64_t row = first; row < last; ++row) count_row(mask, row, s, visible);
  std::string text;
  for (std::size_t i = 0; i < visible.size(); ++i) {
    const std::int64_t begin = static_cast<std::int64_t>(i) * s.per_character;
    const std::int64_t all = (std::min(begin + s.per_character, s.columns) - begin) * (last - first);
    text += visible[i] == 0 ? '.' : visible[i] == all ? '#' : '+';
  }
  return text;
}

// The first row of every tenth character, above that character.
std::string axis(const Scale& s) {
  const std::int64_t characters = divided_up(s.columns, s.per_character);
  std::string text;
  for (std::int64_t at = 0; at < characters; at += tick_distance) {
    text.resize(static_cast<std::size_t>(at), ' ');
    text += fmt::format("{}", at * s.per_character);
  }
  return text;
}

std::string legend(const MaskPicture& picture, const Scale& s) {
  std::string text = "# sees   . does not see";
  if (s.per_character > 1 || s.per_line > 1) text += "   + sees some";
  if (s.per_character > 1) text += fmt::format("\none character is {} columns", s.per_character);
  if (s.per_line > 1) text += fmt::format("{} is {} rows", s.per_character > 1 ? ", one line" : "\none line", s.per_line);
  const std::int64_t hidden = s.rows / picture.group - s.groups_shown;
  if (hidden > 0) text += fmt::format("\n{} more are not shown", hidden);
  return text + '\n';
}

}  // namespace

std::string draw(const MaskPicture& picture) {
  const Scale s = scale_of(picture);
  if (s.rows == 0) return "(no columns)\n";
  // Beside the labels, or above them where there is no room.
  const bool beside = s.label_width + 2 + columns(picture.column_title) <= text_width();
  std::string out =
      beside ? fmt::format("{:{}}  {}\n", "", s.label_width, picture.column_title) : fmt::format("{}\n", picture.column_title);
  out += fmt::format("{:<{}}  {}\n", picture.row_title, s.label_width, axis(s));
  for (std::int64_t g = 0; g < s.groups_shown; ++g) {
    const std::int64_t begin = g * picture.group;
    for (std::int64_t row = begin; row < begin + picture.group; row += s.per_line)
      out += fmt::format("{:<{}}  {}\n", picture.label(row), s.label_width,
                         cells(picture.mask, row, std::min(row + s.per_line, begin + picture.group), s));
  }
  return out + legend(picture, s);
}

}  // namespace kvcache::cli
