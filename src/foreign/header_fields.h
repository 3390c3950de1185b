// Numbers and arrays of a safetensors header that a server's format needs: there, and of the right kind.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/safetensors.h"

namespace kvcache::foreign {

/// A whole text as a decimal number.
template <typename T>
[[nodiscard]] std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A value of the metadata, or nullptr.
[[nodiscard]] const std::string* find_metadata(const Metadata& metadata, const std::string& key);
/// A value, or an empty text.
[[nodiscard]] std::string metadata_text(const Metadata& metadata, const std::string& key);
/// A value that is a number. Throws Error(unreadable).
[[nodiscard]] std::int64_t metadata_number(const Metadata& metadata, const std::string& key);

/// An array, or nothing.
[[nodiscard]] std::optional<Tensor> find_array(const SafetensorsFile& file, const std::string& key);
/// An array that has to be there. Throws Error(unreadable).
[[nodiscard]] Tensor array(const SafetensorsFile& file, const std::string& key);

}  // namespace kvcache::foreign
