// Token ids from files of several kinds.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/store.h"
#include "platform/text_file.h"

namespace kvcache::store {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::usage, what,
              "a JSON list, integers as text, a .npy file of integers, or 32-bit little-endian integers");
}

std::int32_t checked(std::int64_t id, std::size_t number) {
  if (id < 0 || id > 0x7FFFFFFF) refuse(fmt::format("number {} is {}, which is no token id", number + 1, id));
  return static_cast<std::int32_t>(id);
}

std::uint64_t integer_at(std::string_view bytes, std::size_t at, std::size_t size, bool big_endian) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t place = big_endian ? at + i : at + size - 1 - i;
    value = value << 8U | static_cast<unsigned char>(bytes[place]);
  }
  return value;
}

TokenIds integers(std::string_view bytes, std::size_t size, bool is_signed, bool big_endian) {
  if (bytes.size() % size != 0) refuse(fmt::format("{} bytes are no whole number of {}-byte integers", bytes.size(), size));
  TokenIds ids;
  ids.reserve(bytes.size() / size);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    const std::uint64_t raw = integer_at(bytes, at, size, big_endian);
    const std::uint64_t sign = std::uint64_t{1} << (8 * size - 1);
    if (raw >= sign && (is_signed || size == 8))
      refuse(fmt::format("number {} is negative, which is no token id", ids.size() + 1));
    ids.push_back(checked(static_cast<std::int64_t>(raw), ids.size()));
  }
  return ids;
}

/// The value behind 'KEY': in the header of a .npy file, up to the comma that ends it.
std::string_view npy_field(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) refuse(fmt::format("the header of the .npy file has no {}", key));
  std::string_view value = header.substr(at + key.size() + 3);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

TokenIds from_npy(std::string_view bytes) {
  // Magic, version, length of the header, the header as a Python dict, the data.
  if (bytes.size() < 10) refuse("the .npy file is cut off");
  const std::size_t length_bytes = bytes[6] == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) refuse("the .npy file is cut off");
  const std::uint64_t length = integer_at(bytes, 8, length_bytes, false);
  if (length > bytes.size() - 8 - length_bytes) refuse("the .npy file is cut off");
  const std::string_view header = bytes.substr(8 + length_bytes, length);
  const std::string_view data = bytes.substr(8 + length_bytes + length);
  const std::string_view type = npy_field(header, "descr");
  if (type.size() < 5 || type[0] != '\'' || (type[2] != 'i' && type[2] != 'u') || type[4] != '\'')
    refuse("the .npy file is not of integers");
  const auto size = static_cast<std::size_t>(type[3] - '0');
  if (size != 1 && size != 2 && size != 4 && size != 8) refuse("the .npy file is not of integers");
  // [n], or [1, n] as a tokenizer returns it: only one axis may be longer than 1.
  std::string_view shape = npy_field(header, "shape");
  shape = shape.substr(0, shape.find(')'));
  std::uint64_t count = 1;
  int long_axes = 0;
  for (std::size_t at = 0; at < shape.size();) {
    if (shape[at] < '0' || shape[at] > '9') {
      ++at;
      continue;
    }
    std::uint64_t dim = 0;
    const auto [end, error] = std::from_chars(shape.data() + at, shape.data() + shape.size(), dim);
    at = static_cast<std::size_t>(end - shape.data());
    if (error != std::errc() || dim > data.size()) refuse("the .npy file is cut off");
    if (dim != 1) ++long_axes;
    count = dim == 0 ? 0 : count * dim;
  }
  if (long_axes > 1) refuse("the .npy file holds more than one sequence");
  if (data.size() / size < count) refuse("the .npy file is cut off");
  return integers(data.substr(0, count * size), size, type[2] == 'i', type[1] == '>');
}

bool is_text(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
}

}  // namespace

TokenIds read_token_file(const std::string& path) {
  const std::string bytes = kvcache::detail::read_text_file(path == "-" ? "/dev/stdin" : path,
                                                            {256U << 20U, ErrorKind::usage, "that many tokens are no prompt"});
  TokenIds ids;
  if (bytes.starts_with("\x93NUMPY")) {
    ids = from_npy(bytes);
  } else if (is_text(bytes)) {
    ids = parse_token_ids(bytes);
  } else {
    ids = integers(bytes, 4, true, false);
  }
  if (ids.empty()) refuse("no token ids are in it");
  return ids;
}

}  // namespace kvcache::store
