// Indexes and sidecars: files that are read whole, and are not as large as caches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kvcache::foreign {

/// Largest index or sidecar that is read: parsed, it takes some ten times as much memory.
inline constexpr std::uint64_t most_small_bytes = std::uint64_t{16} << 20U;

/// The whole of a regular file. Throws Error(io), Error(unreadable) for one that is larger than that.
[[nodiscard]] std::string read_small_file(const std::string& path, std::uint64_t most = most_small_bytes);

/// Replaces a file by a text in one step. `like`: the file whose owner and rights it takes, or empty. Throws Error(io).
void write_small_file(const std::string& path, std::string_view text, const std::string& like = {});

}  // namespace kvcache::foreign
