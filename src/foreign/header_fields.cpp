#include "foreign/header_fields.h"

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {

const std::string* find_metadata(const Metadata& metadata, const std::string& key) {
  const auto it = metadata.find(key);
  return it == metadata.end() ? nullptr : &it->second;
}

std::string metadata_text(const Metadata& metadata, const std::string& key) {
  const std::string* text = find_metadata(metadata, key);
  return text == nullptr ? std::string() : *text;
}

std::int64_t metadata_number(const Metadata& metadata, const std::string& key) {
  const std::string* text = find_metadata(metadata, key);
  if (text == nullptr) throw Error(ErrorKind::unreadable, fmt::format("metadata '{}' is missing", printable(key)));
  const auto value = whole_number<std::int64_t>(*text);
  if (!value)
    throw Error(ErrorKind::unreadable, fmt::format("metadata '{}' is no number: '{}'", printable(key), printable(*text)));
  return *value;
}

std::optional<Tensor> find_array(const SafetensorsFile& file, const std::string& key) {
  const TensorEntry* entry = file.header().find(key);
  if (entry == nullptr) return std::nullopt;
  return file.tensor(*entry);
}

Tensor array(const SafetensorsFile& file, const std::string& key) {
  std::optional<Tensor> found = find_array(file, key);
  if (!found) throw Error(ErrorKind::unreadable, fmt::format("array '{}' is missing", printable(key)));
  return *std::move(found);
}

}  // namespace kvcache::foreign
