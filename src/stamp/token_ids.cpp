// Token ids of a prompt: from a file of the user, and their digest.
#include <fmt/format.h>

#include <charconv>

#include "common/sha256.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"

namespace kvcache {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

std::vector<std::int32_t> parse_token_ids(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('[') && text.ends_with(']')) text = trimmed(text.substr(1, text.size() - 2));
  std::vector<std::int32_t> ids;
  while (!text.empty()) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    const auto length = static_cast<std::size_t>(end - text.data());
    const bool ends = length == text.size() || text[length] == ',' || blanks.find(text[length]) != std::string_view::npos;
    if (error != std::errc() || id < 0 || !ends || text[0] == '-')
      throw Error(ErrorKind::usage,
                  fmt::format("'{}' is no token id (number {})", printable(text.substr(0, text.find_first_of(",] \t\r\n")), 40),
                              ids.size() + 1),
                  "a JSON list of integers, or integers separated by blanks or commas");
    ids.push_back(id);
    text = trimmed(text.substr(length));
    if (!text.starts_with(',')) continue;
    text = trimmed(text.substr(1));
    if (text.empty()) throw Error(ErrorKind::usage, fmt::format("a comma, but no token id behind number {}", ids.size()));
  }
  return ids;
}

StampTokens stamp_tokens(std::vector<std::int32_t> ids) {
  std::vector<std::byte> bytes;
  bytes.reserve(4 * ids.size());
  for (const std::int32_t id : ids)
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<std::byte>(static_cast<std::uint32_t>(id) >> shift));
  detail::Sha256 sum;
  sum.update(bytes);
  return {ids.size(), sum.hex(), std::move(ids)};
}

}  // namespace kvcache
