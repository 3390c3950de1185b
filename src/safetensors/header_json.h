// The JSON of a header, in one pass and without building a document.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

struct HeaderJson {
  std::vector<TensorEntry> tensors;  ///< in the order of the text
  Metadata metadata;
  bool blank_padding = false;  ///< padded with other blanks than spaces, which every JSON parser skips
};

/// Checks KV105 ... KV117, and KV103 for too many members. `data_bytes`: size of the data section, for KV117. Throws
/// Error(unreadable).
[[nodiscard]] HeaderJson parse_header_json(std::string_view json, std::uint64_t data_bytes);

/// The part of it that knows every rule, for what parse_usual_header() leaves to it. `text`: UTF-8 without NUL or blanks at its
/// end.
[[nodiscard]] HeaderJson parse_any_header(std::string_view text, std::uint64_t data_bytes);

/// What a header says whatever is wrong with it: the metadata that are strings, and the tensors whose entries are right.
/// Nothing when it is no JSON object to the end.
[[nodiscard]] std::optional<HeaderJson> parse_damaged_header_json(std::string_view json);

}  // namespace kvcache::detail
