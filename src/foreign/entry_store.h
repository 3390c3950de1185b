// Folders of prompt-cache files whose tokens are known: those of two changes to mlx-lm's server that were never merged (pull
// requests 1218 and 1405), and of programs that keep a list in the same way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/document.h"
#include "kvcache/prompt_cache.h"

namespace kvcache::foreign {

/// Ids in a cache's own metadata, as pull request 1218 stores them: `tokens_b64` and `length`. Nothing where there are none;
/// throws Error(unreadable) where they are broken.
[[nodiscard]] std::optional<std::vector<std::int32_t>> ids_in_metadata(const Metadata& user);

class EntryStore {
 public:
  struct Entry {
    std::string path;
    std::string model;
    std::int64_t tokens = 0;  ///< ids
    std::int64_t common = 0;  ///< ids at the front that the prompt has as well
    std::string problem;      ///< why it cannot be used, or empty
  };
  struct Match {
    std::size_t entry = 0;
    std::int64_t tokens = 0;  ///< of the prompt that it holds
    bool trimmed = false;     ///< tokens behind them are taken off
  };

  /// Pull request 1218: models/<id>/entries/<16 hex digits>.safetensors below `folder`, with their ids in them.
  static EntryStore of_1218(const std::string& folder, std::span<const std::int32_t> ids);
  /// Pull request 1405: manifest.json beside the files.
  static EntryStore of_manifest(const std::string& folder, std::span<const std::int32_t> ids);

  /// Entries that can be brought to tokens of the prompt, the most first. Opens those that have some.
  /// `why`: what is wrong with those that had to be passed over, the first of them.
  [[nodiscard]] std::optional<Match> match(std::string& why) const;
  /// Throws what opening throws.
  [[nodiscard]] PromptCache restore(const Match& match) const;

  std::string folder;
  std::vector<Entry> entries;
  std::vector<std::string> unreadable;  ///< folders

 private:
  void add(Entry entry, std::span<const std::int32_t> mine, std::span<const std::int32_t> theirs);
};

}  // namespace kvcache::foreign
