// A folder of dflash-mlx' second cache level: snapshots of prompts, by version, model and tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foreign/dflash_file.h"

namespace kvcache::foreign {

/// What a path says: "v2/95d2ec3625e03157/24/248f.../0000000040-1a149215b41c26ce-prefill-16811bff7d83bd9e.safetensors".
struct DflashPath {
  std::string version_folder;  ///< "v2"; "v1" before it
  std::string runtime;         ///< 16 hex digits: of the version of dflash-mlx
  std::string key;             ///< 32 hex digits: of model, draft model and settings
  std::int64_t tokens = 0;
  std::string token_hash;  ///< 16 hex digits
  std::string kind;        ///< "prefill"
};
/// Of a path below the folder of a store, with slashes. Nothing for anything else: temporary files, the lock.
[[nodiscard]] std::optional<DflashPath> dflash_path(std::string_view relative);

/// Folder of the model and the settings of a snapshot: 32 hex digits.
[[nodiscard]] std::string dflash_key_folder(const DflashSnapshot& snapshot);

class DflashStore {
 public:
  struct Entry {
    std::string path;
    DflashPath name;
    std::uint64_t bytes = 0;
  };
  /// A state that the prompt can be continued from.
  struct Candidate {
    std::size_t entry = 0;
    std::int64_t tokens = 0;  ///< all of the snapshot's, or as far as its sidecar
    bool sidecar = false;     ///< at the boundary of its sidecar
    bool server_too =
        true;  ///< the server would use it: it does not use the whole of a generation for a prompt that ends there
  };

  /// Looks at names alone, of folders in the order of their names; links are not followed. Throws Error(io).
  explicit DflashStore(std::string folder);

  /// States that the prompt begins with, the longest first, from names, and from headers where a sidecar may be. What cannot be
  /// used is in `rejected`, with the reason.
  [[nodiscard]] std::vector<Candidate> candidates(std::span<const std::int32_t> ids, std::vector<std::string>& rejected) const;
  /// A snapshot, if the server would take it: the version, the key and the tokens are those of its path. Throws
  /// Error(unreadable), saying what is not.
  [[nodiscard]] DflashSnapshot read(std::size_t index) const;
  /// Windows as the snapshots beside this one show them: of the same key, of prompts that it begins with or is the beginning
  /// of.
  [[nodiscard]] std::vector<std::optional<WindowSize>> windows(const DflashSnapshot& snapshot) const;

  std::string folder;
  std::vector<Entry> entries;
  std::vector<std::string> temporaries;
  std::vector<std::string> unreadable;  ///< folders
};

}  // namespace kvcache::foreign
