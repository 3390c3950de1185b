// JSON that other programs wrote: indexes, manifests, sidecars and values of metadata, with a limit to what it may become.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::foreign {

using Json = nlohmann::json;

/// Most values of one text: a parsed one takes some fifty bytes.
inline constexpr std::size_t most_json_values = std::size_t{1} << 21U;

/// Throws Error(unreadable) for what is no JSON, is nested deeper than 64 or has too many values, with a hint then. `what`:
/// "index.json".
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what);

// Members of an object; nothing where it is no object, or the member is missing or of another type.
[[nodiscard]] std::optional<std::string> text_member(const Json& object, std::string_view key);
[[nodiscard]] std::optional<std::int64_t> integer_member(const Json& object, std::string_view key);
[[nodiscard]] const Json* array_member(const Json& object, std::string_view key);
[[nodiscard]] const Json* object_member(const Json& object, std::string_view key);
/// A list of token ids: whole, below 2^31, not negative.
[[nodiscard]] std::optional<std::vector<std::int32_t>> ids_of(const Json& list);

}  // namespace kvcache::foreign
