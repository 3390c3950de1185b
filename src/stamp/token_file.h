// Token ids of a prompt, in whatever a program has written them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace kvcache::detail {

/// A JSON list, integers as text, numpy's .npy (any integers, one sequence), what Rapid-MLX keeps beside an entry, or
/// little-endian int32 and nothing else: what it is, its bytes tell. `name` may end in .bin: then it is the last if it is not
/// digits throughout. Throws Error(usage).
[[nodiscard]] std::vector<std::int32_t> parse_token_file(std::string_view bytes, std::string_view name);

/// The same of a prompt, which is not empty: Error(usage) for no ids.
[[nodiscard]] std::vector<std::int32_t> parse_prompt_file(std::string_view bytes, std::string_view name);

/// Bytes that such a file may have: a million ids as text take some seven megabytes.
inline constexpr std::uint64_t max_token_file_bytes = 256U << 20U;

}  // namespace kvcache::detail
