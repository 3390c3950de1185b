#include "safetensors/damaged_header.h"

#include <algorithm>

#include "kvcache/error.h"
#include "platform/stop.h"
#include "safetensors/header_json.h"
#include "safetensors/input_stream.h"
#include "safetensors/parse_header.h"

namespace kvcache::detail {
namespace {

// As much of `size` bytes as there is.
std::string read_up_to(InputStream& input, std::uint64_t size) {
  // In steps: the size is what a damaged file claims.
  constexpr std::uint64_t step = 1U << 20U;
  std::string out;
  while (out.size() < size) {
    throw_if_stopped();
    const std::size_t have = out.size();
    out.resize(have + std::min<std::uint64_t>(step, size - have));
    const std::size_t n = input.read(std::as_writable_bytes(std::span(out)).subspan(have));
    out.resize(have + n);
    if (n == 0) break;
  }
  return out;
}

std::optional<Header> read_header(InputStream& input) {
  std::array<std::byte, length_field_bytes> field{};
  const std::string start = read_up_to(input, field.size());
  if (start.size() < field.size()) return std::nullopt;
  std::ranges::copy(std::as_bytes(std::span(start)), field.begin());
  const std::uint64_t length = parse_length(field);
  const std::string json = read_up_to(input, length);
  if (json.size() < length) return std::nullopt;
  std::optional<HeaderJson> parsed = parse_damaged_header_json(json);
  if (!parsed) return std::nullopt;
  Header header;
  header.tensors = std::move(parsed->tensors);
  header.metadata = std::move(parsed->metadata);
  header.data_begin = length_field_bytes + length;
  if (!std::ranges::is_sorted(header.tensors, {}, &TensorEntry::key)) std::ranges::sort(header.tensors, {}, &TensorEntry::key);
  return header;
}

}  // namespace

std::optional<Header> read_damaged_header(const ByteSource& source) {
  try {
    SourceStream raw(source);
    if (!begins_with_gzip(source)) return read_header(raw);
    return read_header(*gunzip(raw));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::unreadable) throw;
    return std::nullopt;
  }
}

}  // namespace kvcache::detail
