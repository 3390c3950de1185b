// The canonical header: what MLX writes, byte for byte, plus padding.
#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include "common/quote.h"
#include "kvcache/error.h"
#include "kvcache/safetensors.h"
#include "safetensors/parse_header.h"

namespace kvcache {
namespace {

constexpr std::string_view metadata_key = "__metadata__";

std::string escape(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
  }
}

void append_string(std::string& out, std::string_view text) {
  if (const std::size_t at = detail::utf8_prefix(text); at != text.size()) {
    throw Error(ErrorKind::impossible,
                fmt::format("{} is not UTF-8 (at its byte {}), which a header cannot hold", detail::in_quotes(text), at));
  }
  const auto must_be_escaped = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; };
  out += '"';
  for (;;) {
    const auto special = std::find_if(text.begin(), text.end(), must_be_escaped);
    out.append(text.begin(), special);
    if (special == text.end()) break;
    out += escape(*special);
    text.remove_prefix(static_cast<std::size_t>(special - text.begin()) + 1);
  }
  out += '"';
}

void append_metadata(std::string& out, const Metadata& metadata) {
  append_string(out, metadata_key);
  out += ':';
  if (metadata.empty()) {
    out += "null";
    return;
  }
  out += '{';
  for (const auto& [key, value] : metadata) {
    if (out.back() != '{') out += ',';
    append_string(out, key);
    out += ':';
    append_string(out, value);
  }
  out += '}';
}

void append_tensor(std::string& out, const NamedTensor& named, std::uint64_t begin) {
  append_string(out, named.key);
  out += fmt::format(":{{\"data_offsets\":[{},{}],\"dtype\":\"{}\",\"shape\":[{}]}}", begin, begin + named.tensor.nbytes(),
                     name(named.tensor.dtype()), fmt::join(named.tensor.shape(), ","));
}

// Room for nearly every header: growing one of 60,000 tensors step by step would hold it three times in memory.
std::size_t estimated_size(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  std::size_t size = 8192;
  for (const NamedTensor& named : tensors) size += named.key.size() + 120;
  for (const auto& [key, value] : metadata) size += key.size() + value.size() + 16;
  return size;
}

// The order of the keys in the header.
std::vector<std::size_t> by_key(const std::vector<NamedTensor>& tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return tensors[a].key < tensors[b].key; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const std::string& key = tensors[order[i]].key;
    if (key == tensors[order[i - 1]].key) {
      throw Error(ErrorKind::impossible, fmt::format("two tensors have the key {}", detail::in_quotes(key)));
    }
  }
  return order;
}

}  // namespace

std::string render_header(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  std::vector<std::uint64_t> begins;
  std::uint64_t end = 0;
  for (const NamedTensor& named : tensors) {
    if (named.key == metadata_key) throw Error(ErrorKind::impossible, "a tensor cannot have the key __metadata__");
    begins.push_back(end);
    if (named.tensor.nbytes() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - end) {
      throw Error(ErrorKind::impossible, "the tensors have more than 2^63 bytes in all");
    }
    end += named.tensor.nbytes();
  }

  std::string out(detail::length_field_bytes, '\0');
  out.reserve(estimated_size(tensors, metadata));
  char separator = '{';
  bool metadata_done = false;
  const auto put_metadata = [&] {
    out += std::exchange(separator, ',');
    append_metadata(out, metadata);
    metadata_done = true;
  };
  for (const std::size_t i : by_key(tensors)) {
    if (!metadata_done && tensors[i].key > metadata_key) put_metadata();
    out += std::exchange(separator, ',');
    append_tensor(out, tensors[i], begins[i]);
  }
  if (!metadata_done) put_metadata();
  out += '}';

  // Aligned so that the kernel can hand over whole pages when the file is copied, where that is worth up to 4 KiB.
  constexpr std::uint64_t large_file = 4U << 20U;
  const auto padded = [&](std::uint64_t alignment) { return (out.size() + alignment - 1) / alignment * alignment; };
  const std::uint64_t alignment = padded(64) + end > large_file ? 4096 : 64;
  out.resize(padded(alignment), ' ');

  // What the reader counts: the metadata is a member beside the tensors.
  const std::size_t members = std::max(tensors.size() + 1, metadata.size());
  if (members > detail::max_members)
    throw Error(ErrorKind::impossible,
                fmt::format("the header would have {} {}; kvcache reads no more than {}",
                            tensors.size() + 1 == members ? tensors.size() : metadata.size(),
                            tensors.size() + 1 == members ? "tensors" : "metadata entries", detail::max_members - 1),
                "fewer layers, or less metadata");
  const std::uint64_t length = out.size() - detail::length_field_bytes;
  if (length >= detail::max_header_bytes) {
    throw Error(
        ErrorKind::impossible,
        fmt::format("the header would have {} bytes; no reader takes more than {}", length, detail::max_header_bytes - 1),
        "remove metadata");
  }
  for (std::size_t i = 0; i < detail::length_field_bytes; ++i) out[i] = static_cast<char>(length >> (8 * i));
  return out;
}

}  // namespace kvcache
