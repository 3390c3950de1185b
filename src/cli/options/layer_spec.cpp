#include "cli/options/layer_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "cli/options/numbers.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
};

[[noreturn]] void refuse(std::string_view item, std::string_view why) {
  throw Error(ErrorKind::usage, fmt::format("--layers: '{}' {}", printable(item), why),
              "for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)");
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// A layer at the front of `text`, which is taken off: 3, -1 (the last one, as in Python) or last.
std::size_t take_layer(std::string_view item, std::string_view& text, std::size_t layers) {
  if (text.starts_with("last")) {
    text.remove_prefix(4);
    return layers - 1;
  }
  const bool from_end = text.starts_with('-');
  const std::size_t digits = std::min(text.find_first_not_of("0123456789", from_end ? 1 : 0), text.size());
  const auto n = parse_integer(text.substr(from_end ? 1 : 0, digits - (from_end ? 1 : 0)), from_end ? 1 : 0,
                               std::numeric_limits<std::int64_t>::max());
  if (!n) refuse(item, "is no layer or range of layers");
  text.remove_prefix(digits);
  const auto number = static_cast<std::uint64_t>(*n);
  if (from_end ? number > layers : number >= layers)
    refuse(item, fmt::format("is beyond the {} layer, {}", from_end ? "first" : "last", from_end ? 0 : layers - 1));
  return from_end ? layers - number : number;
}

/// L, L-L or L-.
Range parse_range(std::string_view item, std::string_view text, std::size_t layers) {
  Range range;
  range.first = take_layer(item, text, layers);
  range.last = range.first;
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    range.last = text.empty() ? layers - 1 : take_layer(item, text, layers);
  }
  if (!text.empty()) refuse(item, "is no layer or range of layers");
  if (range.last < range.first) refuse(item, fmt::format("runs backwards, from layer {} to {}", range.first, range.last));
  return range;
}

}  // namespace

std::vector<bool> parse_layers(std::string_view spec, std::size_t layers) {
  const std::string_view whole = spec;
  const bool exclusions = without_blanks(spec).starts_with('!');
  std::vector<bool> wanted(layers, exclusions);
  while (true) {
    const std::size_t comma = spec.find(',');
    const std::string_view item = without_blanks(spec.substr(0, comma));
    // "!0,5" can be read as "all but 0, and 5" or as "all but 0 and 5": nobody means the first.
    if (item.starts_with('!') != exclusions)
      refuse(whole, fmt::format("mixes layers and exclusions: write !{} for another one that is left out",
                                exclusions ? item : without_blanks(whole.substr(0, whole.find(',')))));
    const Range range = parse_range(item, item.substr(exclusions ? 1 : 0), layers);
    std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(range.first),
              wanted.begin() + static_cast<std::ptrdiff_t>(range.last) + 1, !exclusions);
    if (comma == std::string_view::npos) break;
    spec.remove_prefix(comma + 1);
  }
  if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) refuse(whole, "leaves no layer");
  return wanted;
}

}  // namespace kvcache::cli
