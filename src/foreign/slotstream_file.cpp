#include "foreign/slotstream_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "foreign/cursor.h"
#include "foreign/little_endian.h"
#include "foreign/unreadable.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

using Json = nlohmann::json;

constexpr std::string_view end_magic = "SLOTEND1";
constexpr std::uint64_t footer_bytes = 32;
constexpr std::uint64_t most_header_bytes = std::uint64_t{16} << 20U;
constexpr std::int64_t known_format = 3;

std::string read_bytes(const ByteSource& source, std::uint64_t offset, std::uint64_t size) {
  std::string out(static_cast<std::size_t>(size), '\0');
  source.read_at(offset, std::as_writable_bytes(std::span(out.data(), out.size())));
  return out;
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

template <typename T>
T field(const Json& object, const char* name) {
  const auto it = object.find(name);
  const bool is_text = std::is_same_v<T, std::string>;
  if (it == object.end() || (is_text ? !it->is_string() : !it->is_number_integer()))
    unreadable(fmt::format("its header has no {}", name));
  return it->get<T>();
}

const Json& listed(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_array()) unreadable(fmt::format("its header has no list {}", name));
  return *it;
}

struct RecordPlace {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Where the header is: right in front of the footer.
Json read_header(const ByteSource& source, RecordPlace& header) {
  const std::uint64_t size = source.size();
  if (size < slotstream_magic.size() + footer_bytes) unreadable("it is cut off");
  if (read_bytes(source, 0, slotstream_magic.size()) != slotstream_magic) unreadable("no file of slotstream");
  const std::string footer = read_bytes(source, size - footer_bytes, footer_bytes);
  if (footer.substr(24) != end_magic) unreadable("its end is missing: it is cut off, or still being written");
  header = {read_le<std::uint64_t>(footer), read_le<std::uint64_t>(footer, 8)};
  if (header.offset < slotstream_magic.size() || header.offset > size || header.size == 0 || header.size > most_header_bytes ||
      header.size != size - footer_bytes - header.offset)
    unreadable("its footer points at no header");
  const std::string text = read_bytes(source, header.offset, header.size);
  if (crc_of(text) != read_le<std::uint32_t>(footer, 16)) unreadable("its header is damaged: the checksum is another one");
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) unreadable("its header is no JSON object");
  return json;
}

SlotstreamFile::Payload read_payload(const Json& record, const RecordPlace& header) {
  SlotstreamFile::Payload payload;
  payload.name = field<std::string>(record, "name");
  payload.offset = field<std::uint64_t>(record, "offset");
  payload.size = field<std::uint64_t>(record, "byteCount");
  payload.crc32 = field<std::uint32_t>(record, "crc32");
  if (payload.offset < slotstream_magic.size() || payload.offset > header.offset ||
      payload.size > header.offset - payload.offset)
    unreadable(fmt::format("array '{}' is outside of the file", payload.name));
  return payload;
}

void read_record_head(const ByteSource& source, const Json& json, const RecordPlace& header, SlotstreamFile& file) {
  file.tokens = field<std::int64_t>(json, "tokenCount");
  file.linear_layers = listed(json, "linear").size();
  file.attention_layers = listed(json, "attention").size();
  for (const Json& record : listed(json, "arrays")) file.payloads.push_back(read_payload(record, header));
  for (const Json& sequence : listed(json, "sequences")) {
    const auto name = field<std::string>(sequence, "name");
    for (const Json& extent : listed(sequence, "extents"))
      file.extents.push_back({name, field<std::string>(extent, "segment"), field<std::int64_t>(extent, "start"),
                              field<std::int64_t>(extent, "end")});
  }
  // The ids are the first of its payloads.
  if (file.payloads.empty() || file.tokens < 0 || file.payloads[0].size != 4 * static_cast<std::uint64_t>(file.tokens))
    unreadable(fmt::format("it is to hold {} token ids and does not", file.tokens));
  const std::string ids = read_bytes(source, file.payloads[0].offset, file.payloads[0].size);
  for (std::size_t i = 0; i < ids.size(); i += 4) file.ids.push_back(read_le<std::int32_t>(ids, i));
}

}  // namespace

bool is_slotstream_segment(std::string_view name) {
  constexpr std::string_view ending = ".slotseg";
  return name.ends_with(ending) && is_hex(name.substr(0, name.size() - ending.size()), 32);
}

SlotstreamFile read_slotstream_file(const ByteSource& source) {
  RecordPlace header;
  const Json json = read_header(source, header);
  SlotstreamFile file;
  file.format = field<std::int64_t>(json, "format");
  if (file.format != known_format) unreadable(fmt::format("format {} of slotstream is not known here", file.format), "KV123");
  file.identity = field<std::string>(json, "identity");
  const auto kind = field<std::string>(json, "kind");
  if (kind != "head" && kind != "segment") unreadable(fmt::format("a file of kind '{}'", kind), "KV123");
  file.head = kind == "head";
  if (file.head) {
    read_record_head(source, json, header, file);
    return file;
  }
  for (const Json& record : listed(json, "rows")) {
    file.payloads.push_back(read_payload(record, header));
    file.payloads.back().start = field<std::int64_t>(record, "start");
    file.payloads.back().end = field<std::int64_t>(record, "end");
  }
  return file;
}

std::vector<std::string> damaged_payloads(const ByteSource& source, const SlotstreamFile& file) {
  constexpr std::uint64_t piece = std::uint64_t{1} << 20U;
  std::vector<std::string> damaged;
  for (const SlotstreamFile::Payload& payload : file.payloads) {
    uLong crc = 0;
    for (std::uint64_t at = 0; at < payload.size; at += piece) {
      const std::string bytes = read_bytes(source, payload.offset + at, std::min(piece, payload.size - at));
      crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    }
    if (static_cast<std::uint32_t>(crc) != payload.crc32) damaged.push_back(payload.name);
  }
  return damaged;
}

}  // namespace kvcache::foreign
