// Indexes and sidecars: files that are read whole, and are not as large as caches.
#pragma once

#include <cstdint>
#include <string>

namespace kvcache::foreign {

/// Largest index or sidecar that is read: parsed, it takes some ten times as much memory.
inline constexpr std::uint64_t most_small_bytes = std::uint64_t{16} << 20U;

/// The whole of a regular file. Throws Error(io), Error(unreadable) for one that is larger than that.
[[nodiscard]] std::string read_small_file(const std::string& path, std::uint64_t most = most_small_bytes);

}  // namespace kvcache::foreign
