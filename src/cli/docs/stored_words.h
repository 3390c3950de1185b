// What is in a store and may stand on a command line: for completion. In a build without the store there is nothing.
#pragma once

#include <string>
#include <vector>

namespace kvcache::cli {

enum class StoredKind { entry, label, space };

struct StoredWord {
  std::string value;
  std::string description;
};

/// Words of a store in a folder, by default the one that commands would take; entries whose id begins with `begin`. Nothing
/// where there is no store, or only one of several hosts, which nobody waits for between two keys. Only looks, never throws.
[[nodiscard]] std::vector<StoredWord> stored_words(StoredKind kind, const std::string& folder,
                                                   const std::string& begin) noexcept;

}  // namespace kvcache::cli
