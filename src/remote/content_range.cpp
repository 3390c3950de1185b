#include "remote/content_range.h"

#include <charconv>

namespace kvcache::remote {

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) return std::nullopt;
  text.remove_prefix(unit.size());
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  ContentRange out;
  const std::string_view size = text.substr(slash + 1), bytes = text.substr(0, slash);
  if (size != "*") {
    out.size = parse_size(size);
    if (!out.size) return std::nullopt;
  }
  if (bytes == "*") {
    out.empty = true;
    return out;
  }
  const std::size_t dash = bytes.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_size(bytes.substr(0, dash)), last = parse_size(bytes.substr(dash + 1));
  if (!first || !last || *first > *last || (out.size && *last >= *out.size)) return std::nullopt;
  out.first = *first;
  out.last = *last;
  return out;
}

}  // namespace kvcache::remote
