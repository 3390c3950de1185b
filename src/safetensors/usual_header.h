// The JSON of headers as every writer writes them, read in one pass over the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "safetensors/header_json.h"

namespace kvcache::detail {

/// What a sound header says that holds nothing unusual: objects of the known fields, plain integers, strings with no escapes
/// but those of one character. Nothing for any other text, sound or not: parse_header_json() then reads it anew, with every
/// rule and a reason for every defect. `text`: valid UTF-8 without NUL. `data_bytes`: size of the data section.
[[nodiscard]] std::optional<HeaderJson> parse_usual_header(std::string_view text, std::uint64_t data_bytes);

}  // namespace kvcache::detail
