#include "safetensors/parse_header.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "common/quote.h"
#include "safetensors/defect.h"
#include "safetensors/header_json.h"

namespace kvcache {

const TensorEntry* Header::find(std::string_view key) const noexcept {
  const auto at = std::lower_bound(tensors.begin(), tensors.end(), key,
                                   [](const TensorEntry& entry, std::string_view wanted) { return entry.key < wanted; });
  return at != tensors.end() && at->key == key ? &*at : nullptr;
}

namespace detail {
namespace {

// The caller has checked that the source has that many bytes, so that a length field alone makes us allocate nothing.
std::string read_json(const ByteSource& source, std::uint64_t bytes) {
  std::string json(bytes, '\0');
  source.read_at(length_field_bytes, std::as_writable_bytes(std::span(json)));
  return json;
}

}  // namespace

std::uint64_t parse_length(const std::array<std::byte, length_field_bytes>& field) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < field.size(); ++i) length |= std::to_integer<std::uint64_t>(field[i]) << (8 * i);
  if (length == 0) throw_defect({"KV102", "the header is empty: its length field is 0", {}, {}});
  if (length >= max_header_bytes) {
    const std::string_view text(reinterpret_cast<const char*>(field.data()), field.size());
    throw_defect({"KV103",
                  fmt::format("the header would have {} bytes, more than {}; the file begins with {}", length,
                              max_header_bytes - 1, in_quotes(text)),
                  {},
                  "it is probably not a safetensors file"});
  }
  return length;
}

std::uint64_t end_of_data(const ByteSource& source, std::uint64_t header_bytes) {
  const HeaderJson parsed = parse_header_json(read_json(source, header_bytes), std::numeric_limits<std::uint64_t>::max());
  std::uint64_t end = 0;
  for (const TensorEntry& entry : parsed.tensors) end = std::max(end, entry.end);
  return end;
}

}  // namespace detail

Header parse_header(const ByteSource& source) {
  using namespace detail;
  Header header;
  header.file_bytes = source.size();
  if (header.file_bytes < length_field_bytes) {
    throw_defect({"KV101",
                  fmt::format("too short for a safetensors file: {} of the {} bytes that hold the length of the header",
                              header.file_bytes, length_field_bytes),
                  {},
                  {}});
  }
  std::array<std::byte, length_field_bytes> field{};
  source.read_at(0, field);
  const std::uint64_t length = parse_length(field);
  if (length > header.file_bytes - length_field_bytes) {
    throw_defect(
        {"KV104",
         fmt::format("the header is cut off: it would have {} bytes, but the file has {} in all", length, header.file_bytes),
         {},
         "save or copy the file again"});
  }
  header.data_begin = length_field_bytes + length;

  HeaderJson parsed = parse_header_json(read_json(source, length), header.file_bytes - header.data_begin);
  header.tensors = std::move(parsed.tensors);
  header.metadata = std::move(parsed.metadata);
  const auto by_key = [](const TensorEntry& a, const TensorEntry& b) { return a.key < b.key; };
  if (!std::is_sorted(header.tensors.begin(), header.tensors.end(), by_key))
    std::sort(header.tensors.begin(), header.tensors.end(), by_key);
  header.defects = check_tiling(header);
  if (parsed.blank_padding)
    header.defects.push_back({"KV121",
                              Severity::warning,
                              Where::Part::header,
                              {},
                              "the header is padded with line breaks or tabs, where every writer has spaces: readers skip them",
                              Remedy(Remedy::Action::repair) + " pads it with spaces"});
  return header;
}

}  // namespace kvcache
