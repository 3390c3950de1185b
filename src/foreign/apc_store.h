// A folder of mlx-vlm's automatic prefix cache: what is in it, and which of it a prompt begins with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "foreign/apc_files.h"

namespace kvcache::foreign {

/// One namespace: a folder that belongs to one model with one set of weights and settings. Of thousands of files none stays
/// open and no token ids are kept: what a prompt matches is read again.
class ApcStore {
 public:
  /// A file of blocks.
  struct Shard {
    std::string path;
    std::uint64_t bytes = 0;
    std::int64_t layers = 0;
    std::int64_t block_size = 0;
    std::size_t blocks = 0;
    std::size_t unproven = 0;  ///< of them, blocks whose tokens are not those of their hash
    std::string rows;          ///< as ApcShard::rows_in_words()
  };
  /// A block whose tokens are those of its hash.
  struct Block {
    std::int64_t hash = 0;
    std::int64_t parent = 0;
    std::int64_t extra = 0;
    ApcRule rule = ApcRule::python;
    std::size_t shard = 0;  ///< index
    std::size_t index = 0;  ///< within the shard
  };
  /// A whole cache.
  struct Exact {
    std::string path;
    std::uint64_t bytes = 0;
    std::int64_t tokens = 0;
    std::int64_t extra = 0;
    bool proven = false;      ///< its hash is that of its tokens, with a usual block size
    std::int64_t common = 0;  ///< tokens at the front that the prompt has as well
  };
  /// A file that cannot be used, and why.
  struct Damaged {
    std::string path;
    std::string why;
    std::vector<std::int64_t> blocks;  ///< that its header names, or whose tokens are not theirs
  };
  struct Match {
    std::vector<Block> chain;  ///< blocks that the prompt begins with, from the root
    std::optional<std::size_t>
        exact;                   ///< the longest whole cache that is shorter than the prompt, if it is longer than the chain
    std::int64_t tokens = 0;     ///< of the one that is used
    std::string stopped;         ///< why the chain is no longer, or empty
    bool server_misses = false;  ///< the chain goes on into a file that the server cannot read, so that it would use none
    std::optional<std::size_t> same;  ///< a whole cache of exactly the prompt, which the server would not use
  };

  /// Reads the header of every shard_ and exact_ file directly in `folder`, in the order of their names. `ids`: the prompt, or
  /// nothing. What vanishes meanwhile was evicted. Throws Error(io) for a folder that cannot be read.
  ApcStore(std::string folder, std::span<const std::int32_t> ids);

  /// A prompt that blocks make up from the root, and that no block goes on from.
  struct Chain {
    std::int64_t last = 0;  ///< hash of its last block
    std::size_t shard = 0;  ///< where that is
    std::int64_t tokens = 0;
  };
  [[nodiscard]] std::vector<Chain> chains() const;
  /// The ids of one of them. Throws Error(unreadable) where it is no longer there.
  [[nodiscard]] std::vector<std::int32_t> ids_of_chain(std::int64_t last) const;
  /// By shard, how many of its blocks no chain from the root leads to.
  [[nodiscard]] std::map<std::size_t, std::size_t> unreachable() const;

  /// What of the store the prompt begins with.
  [[nodiscard]] Match match() const;
  /// The cache of a match. `tuples`: as ApcExact::layers(). Throws Error(unreadable), Error(impossible).
  [[nodiscard]] std::vector<std::unique_ptr<Cache>> restore(const Match& match, std::size_t* tuples = nullptr) const;

  std::string folder;
  std::vector<Shard> shards;
  std::vector<Exact> exacts;
  std::vector<Damaged> damaged;
  std::vector<std::string> temporaries;  ///< of writers that were killed, or are at work
  std::vector<std::string> others;       ///< what a server deletes when it starts

 private:
  void add(const std::string& path, const std::string& stem);
  void add_shard(const std::string& path, const ApcShard& shard);
  void add_exact(const std::string& path, const ApcExact& exact);
  void find_obstacle(Match& match, std::int64_t parent) const;
  void match_exact(Match& match) const;
  [[nodiscard]] std::vector<std::unique_ptr<Cache>> join(const Match& match) const;

  /// Blocks from the root, each with the tokens up to its end, by hash.
  struct Reached {
    const Block* block = nullptr;
    std::int64_t tokens = 0;
  };
  [[nodiscard]] std::map<std::int64_t, Reached> reached() const;

  std::vector<std::int32_t> ids_;
  std::multimap<std::int64_t, Block> by_parent_;
};

/// What a file of a store is, by its name alone.
enum class ApcName { shard, exact, temporary, other };
[[nodiscard]] ApcName apc_name(const std::string& name);

/// The folder of a model begins with this: its name with what a file system may not like replaced.
[[nodiscard]] std::string apc_namespace_prefix(const std::string& model);

}  // namespace kvcache::foreign
