// A folder of mlx-prompt-cache (Swift): snapshots of prompts, whole or as what came since the one before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/document.h"
#include "kvcache/prompt_cache.h"

namespace kvcache::foreign {

/// What index.json says as indexLayout.
inline constexpr std::int64_t known_mlxpc_layout = 1;

/// index.json.
struct MlxpcIndex {
  struct Boundary {
    std::string file;
    std::int64_t tokens = 0;
  };
  struct File {
    std::uint64_t bytes = 0;
    std::int64_t last_access = 0;  ///< a count of accesses, not a time
    std::vector<std::string> boundaries;
  };
  std::string model;
  std::string signature;  ///< "mlx-community/Qwen3-8B-4bit|bf16|-|1": what the hashes are made of
  std::int64_t block_size = 0;
  bool has_layout = false;  ///< without it the library empties the folder when it starts
  std::map<std::string, Boundary, std::less<>> by_hash;
  std::map<std::string, File, std::less<>> files;
};

/// Whether a JSON text is such an index, of whatever version.
[[nodiscard]] bool is_mlxpc_index(std::string_view json);
/// Throws Error(unreadable): code KV123 for a layout that is not known here. Names of files that lead out of the folder are
/// refused.
[[nodiscard]] MlxpcIndex read_mlxpc_index(std::string_view json);

/// Tokens [from, to) that a file has rows of; a whole snapshot begins at 0, and `to` is what its layers say.
struct MlxpcDelta {
  std::int64_t from = 0;
  std::int64_t to = 0;
};
/// From the file's metadata; nothing: a whole snapshot. Throws Error(unreadable).
[[nodiscard]] std::optional<MlxpcDelta> mlxpc_delta(const Metadata& user);

class MlxpcStore {
 public:
  struct Match {
    std::vector<std::string> files;  ///< that make up the state, in the order of the tokens
    std::int64_t tokens = 0;
    std::int64_t known = 0;  ///< tokens whose blocks are in the index, whether or not their files can be used
    std::string stopped;     ///< why `tokens` are fewer, or empty
  };

  /// Throws as read_mlxpc_index(), Error(io).
  explicit MlxpcStore(std::string folder);

  /// What of the folder a prompt begins with.
  [[nodiscard]] Match match(std::span<const std::int32_t> ids) const;
  [[nodiscard]] PromptCache restore(const Match& match) const;

  std::string folder;
  MlxpcIndex index;

 private:
  [[nodiscard]] Document open(const std::string& file) const;
  [[nodiscard]] std::optional<std::vector<std::string>> chain_to(const std::vector<std::string>& hashes, std::size_t blocks,
                                                                 std::string& why) const;
};

}  // namespace kvcache::foreign
