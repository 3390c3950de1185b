#include "stamp/token_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>

#include "kvcache/error.h"
#include "kvcache/stamp.h"

namespace kvcache::detail {
namespace {

constexpr std::string_view npy_magic = "\x93NUMPY";
constexpr std::string_view tagged_magic = "RMTKBIN1";  // of Rapid-MLX
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::uint64_t integer_at(std::string_view bytes, std::size_t at, std::size_t size, bool big_endian) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8U | static_cast<unsigned char>(bytes[big_endian ? at + i : at + size - 1 - i]);
  return value;
}

[[noreturn]] void no_id(const std::string& id, std::size_t number) {
  throw Error(ErrorKind::usage, fmt::format("{} is no token id (number {})", id, number));
}

std::vector<std::int32_t> integers(std::string_view bytes, std::size_t size, bool is_signed, bool big_endian) {
  std::vector<std::int32_t> ids;
  ids.reserve(bytes.size() / size);
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    const std::uint64_t raw = integer_at(bytes, at, size, big_endian);
    const unsigned unused_bits = 64 - 8 * static_cast<unsigned>(size);
    if (is_signed && (raw << unused_bits >> 63U) != 0)
      no_id(fmt::to_string(static_cast<std::int64_t>(raw << unused_bits) >> unused_bits), ids.size() + 1);
    if (raw > INT32_MAX) no_id(fmt::to_string(raw), ids.size() + 1);
    ids.push_back(static_cast<std::int32_t>(raw));
  }
  return ids;
}

[[noreturn]] void refuse_npy(const char* why) {
  throw Error(ErrorKind::usage, fmt::format("a .npy file {}", why), "numpy.save() of one list of integers is taken");
}

/// What stands behind 'KEY': in the header of a .npy file, a Python dict.
std::string_view npy_field(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) refuse_npy("whose header is incomplete");
  std::string_view value = header.substr(at + key.size() + 3);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

/// Elements of a shape: [n], or [1, n] as a tokenizer returns it. Only one axis may be longer than 1.
std::uint64_t npy_count(std::string_view shape, std::size_t most) {
  if (!shape.starts_with('(') || shape.find(')') == std::string_view::npos) refuse_npy("without a shape");
  shape = shape.substr(1, shape.find(')') - 1);
  std::uint64_t count = 1;
  int axes = 0;
  int long_axes = 0;
  for (std::size_t at = 0; at < shape.size();) {
    if (shape[at] < '0' || shape[at] > '9') {
      ++at;
      continue;
    }
    std::uint64_t dim = 0;
    const auto [end, error] = std::from_chars(shape.data() + at, shape.data() + shape.size(), dim);
    at = static_cast<std::size_t>(end - shape.data());
    if (error != std::errc() || dim > most) refuse_npy("that is cut off");
    ++axes;
    if (dim != 1) ++long_axes;
    count = dim == 0 ? 0 : count * dim;
  }
  if (axes == 0) refuse_npy("of a single number");
  if (long_axes > 1) refuse_npy("of more than one sequence");
  return count;
}

std::vector<std::int32_t> parse_npy(std::string_view bytes) {
  // Magic, version, length of the header, the header, the data.
  constexpr std::size_t version_at = 6;
  if (bytes.size() < 12) refuse_npy("that is cut off");
  const std::size_t length_bytes = bytes[version_at] == 1 ? 2 : 4;
  const std::uint64_t length = integer_at(bytes, 8, length_bytes, false);
  const std::size_t begin = 8 + length_bytes;
  if (length > bytes.size() - begin) refuse_npy("that is cut off");
  const std::string_view header = bytes.substr(begin, length);
  const std::string_view data = bytes.substr(begin + length);
  const std::string_view type = npy_field(header, "descr");  // '<i8'
  if (type.size() < 5 || type[0] != '\'' || type[4] != '\'' || (type[2] != 'i' && type[2] != 'u'))
    refuse_npy("that is not of integers");
  const auto item = static_cast<std::size_t>(type[3] - '0');
  if (item != 1 && item != 2 && item != 4 && item != 8) refuse_npy("that is not of integers");
  if (data.size() % item != 0 || npy_count(npy_field(header, "shape"), data.size()) != data.size() / item)
    refuse_npy("that is cut off");
  return integers(data, item, type[2] == 'i', type[1] == '>');
}

/// Magic, number of ids, length of an identifier, the identifier, the ids.
std::vector<std::int32_t> parse_tagged(std::string_view bytes) {
  constexpr std::size_t fixed = 16;
  const auto refuse = [] {
    throw Error(ErrorKind::usage, "a list of token ids that is cut off, or goes on behind its end", "save it again");
  };
  if (bytes.size() < fixed) refuse();
  const std::uint64_t count = integer_at(bytes, 8, 4, false);
  const std::uint64_t identifier = integer_at(bytes, 12, 4, false);
  if (bytes.size() != fixed + identifier + 4 * count) refuse();
  return integers(bytes.substr(fixed + identifier), 4, true, false);
}

}  // namespace

std::vector<std::int32_t> parse_token_file(std::string_view bytes, std::string_view name) {
  if (bytes.starts_with(npy_magic)) return parse_npy(bytes);
  if (bytes.starts_with(tagged_magic)) return parse_tagged(bytes);
  if (bytes.starts_with(byte_order_mark)) bytes.remove_prefix(byte_order_mark.size());
  // Whatever the name: four digits or blanks as an id would be one beyond any vocabulary.
  if (bytes.find_first_not_of("0123456789[],-+ \t\r\n") == std::string_view::npos) return parse_token_ids(bytes);
  // A text with a mistake in it is not taken for numbers.
  bool printable = !name.ends_with(".bin");
  for (const char c : bytes) printable = printable && (c == '\n' || c == '\t' || c == '\r' || (c >= ' ' && c <= '~'));
  if (printable) return parse_token_ids(bytes);
  if (bytes.size() % 4 != 0)
    throw Error(ErrorKind::usage, fmt::format("{} bytes are no list of 32-bit token ids", bytes.size()),
                "a JSON list, integers as text, .npy, or little-endian int32");
  return integers(bytes, 4, true, false);
}

std::vector<std::int32_t> parse_prompt_file(std::string_view bytes, std::string_view name) {
  std::vector<std::int32_t> ids = parse_token_file(bytes, name);
  if (ids.empty())
    throw Error(ErrorKind::usage, "no token ids are in it", "a JSON list, integers as text, .npy, or little-endian int32");
  return ids;
}

}  // namespace kvcache::detail
