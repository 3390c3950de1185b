// What `kvcache ls` finds: one entry per file, from headers alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/find_files.h"
#include "kvcache/byte_source.h"
#include "kvcache/finding.h"

namespace kvcache::catalog {

struct ListedFile {
  enum class Kind {
    cache,      ///< a prompt cache, or an entry of another project that is one prompt
    block,      ///< a block of a paged cache: of no use alone
    broken,     ///< damaged, or missing with a pointer in its place
    sidecar,    ///< what belongs to an entry: recurrent state, token ids
    temporary,  ///< a write of a server that was not finished, or is going on
    other,      ///< something else, which does not claim to be a cache (weights, a zip archive): what, is in `verdict`
  };
  std::string path;
  std::string below;  ///< the path, from the folder that was searched
  Kind kind = Kind::other;
  std::string model;          ///< from its metadata, or empty
  std::string config_sha256;  ///< of the model's config.json, as its stamp has it, or empty
  std::string format;         ///< dialect id, or what another project's entry is: "omlx block"
  std::string classes;        ///< "KVCache", "RotatingKVCache, KVCache": of the layers, in the order in which they come first
  std::string elements;       ///< "F16"; "4 bits" where layers are quantized
  std::int64_t bits = 0;      ///< the fewest of a quantized layer; 0: none is
  std::int64_t tokens = 0;
  std::uint64_t bytes = 0;
  std::chrono::system_clock::time_point modified;
  std::chrono::system_clock::time_point accessed;  ///< as the file system keeps it (platform/file_times.h); not known: 1970
  std::vector<std::string_view> stamp;  ///< what its stamp holds: of checksums, model, tokens and text; in that order
  std::string verdict;                  ///< "ok", "errors (KV411)", or why it is broken

  /// It says itself that it is a cache or a block, intact or not: what `prune` may delete.
  bool recognised = false;
  /// `verify` proves it damaged (proof_of_damage() in verify.h).
  bool damaged = false;
};

/// How to look at files.
struct ListOptions {
  /// At the data of stamped files, too, which their checksums are of, and at all of compressed ones.
  bool whole_files = false;
  std::vector<std::string> exclude = {};  ///< patterns (exclusions.h)
};

/// Threads to look at files with. Headers of a cold disk: waiting, not computing, takes the time.
[[nodiscard]] std::size_t list_workers() noexcept;
/// Files that one of them looks at before it hands over what it saw.
inline constexpr std::size_t files_at_once = 16;

/// Looks at one file. `is_regular`: its folder's listing has just said so (Found).
[[nodiscard]] ListedFile list_file(const std::string& path, bool whole_files = false, bool is_regular = false);

/// The same of what `open` opens: path, bytes and time are in `file` already, the rest is filled in. That it cannot be opened
/// or read is the verdict.
void list_source(ListedFile& file, const std::function<std::shared_ptr<const ByteSource>()>& open, bool whole_files = false);

/// Looks at every cache file below the folders (or at the files named themselves), in parallel, in their order; then at what
/// other projects keep there.
/// Returns the folders below them that could not be read.
[[nodiscard]] std::vector<Found> list_files(const std::vector<std::string>& places, const ListOptions& options,
                                            const std::function<void(ListedFile)>& take);

}  // namespace kvcache::catalog
