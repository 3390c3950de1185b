#include "stamp/token_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <string>

#include "kvcache/error.h"
#include "kvcache/stamp.h"

namespace kvcache::detail {
namespace {

constexpr std::string_view npy_magic = "\x93NUMPY";

std::int64_t integer_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return size == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
}

std::vector<std::int32_t> integers(std::string_view bytes, std::size_t size) {
  std::vector<std::int32_t> ids;
  ids.reserve(bytes.size() / size);
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    const std::int64_t id = integer_at(bytes, at, size);
    if (id < 0 || id > INT32_MAX)
      throw Error(ErrorKind::usage, fmt::format("{} is no token id (number {})", id, ids.size() + 1));
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

std::vector<std::int32_t> parse_npy(std::string_view bytes) {
  const auto refuse = [](const char* why) {
    throw Error(ErrorKind::usage, fmt::format("a .npy file {}", why), "numpy.save() of one list of int32 or int64 is taken");
  };
  constexpr std::size_t version_at = 6;
  if (bytes.size() < 12) refuse("that is cut off");
  const bool first = bytes[version_at] == 1;
  const auto length =
      static_cast<std::size_t>(integer_at(std::string(bytes.substr(8, first ? 2 : 4)) + std::string(2, '\0'), 0, 4));
  const std::size_t begin = first ? 10 : 12;
  if (length > bytes.size() - begin) refuse("that is cut off");
  const std::string_view header = bytes.substr(begin, length);
  const std::string_view data = bytes.substr(begin + length);
  const bool wide = header.find("'<i8'") != std::string_view::npos;
  if (!wide && header.find("'<i4'") == std::string_view::npos) refuse("of another type than int32 and int64");
  constexpr std::string_view shape = "'shape': (";
  const std::size_t at = header.find(shape);
  if (at == std::string_view::npos) refuse("without a shape");
  std::uint64_t n = 0;
  const char* const from = header.data() + at + shape.size();
  const char* const end = header.data() + header.size();
  const auto [rest, error] = std::from_chars(from, end, n);
  if (error != std::errc() || !std::string_view(rest, static_cast<std::size_t>(end - rest)).starts_with(",)"))
    refuse("of more than one dimension");
  const std::size_t item = wide ? 8 : 4;
  if (data.size() / item != n || data.size() % item != 0) refuse("that is cut off");
  return integers(data, item);
}

}  // namespace

std::vector<std::int32_t> parse_token_file(std::string_view bytes, std::string_view name) {
  if (bytes.starts_with(npy_magic)) return parse_npy(bytes);
  const bool text = !name.ends_with(".bin") && bytes.find_first_not_of("0123456789[],-+ \t\r\n") == std::string_view::npos;
  if (text) return parse_token_ids(bytes);
  // A text with a mistake in it is not taken for numbers.
  bool printable = !name.ends_with(".bin");
  for (const char c : bytes) printable = printable && (c == '\n' || c == '\t' || c == '\r' || (c >= ' ' && c <= '~'));
  if (printable) return parse_token_ids(bytes);
  if (bytes.size() % 4 != 0)
    throw Error(ErrorKind::usage, fmt::format("{} bytes are no list of 32-bit token ids", bytes.size()),
                "a JSON list, integers as text, .npy, or little-endian int32");
  return integers(bytes, 4);
}

}  // namespace kvcache::detail
