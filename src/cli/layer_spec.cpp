#include "cli/layer_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/numbers.h"
#include "kvcache/caches.h"
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
              "for example 0,5-9 (these), 4- (from 4 on), !0 (all but 0)");
}

Range parse_range(std::string_view item, std::string_view text, std::size_t layers) {
  const std::size_t dash = text.find('-');
  const auto number = [&](std::string_view digits, std::size_t otherwise) {
    if (digits.empty() && text.size() > 1) return otherwise;
    const auto n = parse_integer(digits, 0, std::numeric_limits<std::int64_t>::max());
    if (!n) refuse(item, "is no layer or range of layers");
    if (static_cast<std::uint64_t>(*n) >= layers) refuse(item, fmt::format("is beyond the last layer, {}", layers - 1));
    return static_cast<std::size_t>(*n);
  };
  Range range;
  range.first = number(text.substr(0, dash), 0);
  range.last = dash == std::string_view::npos ? range.first : number(text.substr(dash + 1), layers - 1);
  if (range.last < range.first) refuse(item, "runs backwards");
  return range;
}

}  // namespace

std::vector<bool> parse_layers(std::string_view spec, std::size_t layers) {
  // A list of exclusions alone starts from everything.
  std::vector<bool> wanted(layers, spec.starts_with('!'));
  while (true) {
    const std::size_t comma = spec.find(',');
    const std::string_view item = spec.substr(0, comma);
    const bool exclude = item.starts_with('!');
    const Range range = parse_range(item, item.substr(exclude ? 1 : 0), layers);
    std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(range.first),
              wanted.begin() + static_cast<std::ptrdiff_t>(range.last) + 1, !exclude);
    if (comma == std::string_view::npos) return wanted;
    spec.remove_prefix(comma + 1);
  }
}

std::vector<std::size_t> layers_holding(const PromptCache& cache, const std::function<bool(const Cache&)>& holds) {
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < cache.layers.size(); ++i)
    if (any_leaf(*cache.layers[i], holds)) layers.push_back(i);
  return layers;
}

}  // namespace kvcache::cli
