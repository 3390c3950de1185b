// A list of prompt-cache files and their token ids whose schema was never published: pull request 1405 to mlx-lm, and programs
// that keep one in the same way.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::foreign {

/// Entries of a manifest of which only this is known: somewhere in it are objects that each have a list of integers and the
/// name of a file that ends in .safetensors. Throws Error(unreadable) for what is no JSON. Names that lead out of the folder
/// are passed over.
struct ManifestEntry {
  std::string file;
  std::vector<std::int32_t> ids;
  std::string model;  ///< a text whose key has "model" in it, or empty
};
[[nodiscard]] std::vector<ManifestEntry> manifest_entries(std::string_view json);
/// The same text without the entries of these files: orders of names, counts of entries and sums over them follow. Throws
/// Error(unreadable) where anything in it still tells of an entry that is gone, or may: nobody knows how to change that.
[[nodiscard]] std::string manifest_without(std::string_view json, const std::set<std::string>& files);

}  // namespace kvcache::foreign
