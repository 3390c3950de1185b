// .omlxzip: a prompt with its blocks, as omlx exports and imports it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "foreign/omlx/chain.h"
#include "foreign/zip_archive.h"

namespace kvcache::foreign::omlx {

class PromptArchive {
 public:
  /// Throws Error(unreadable) where it is no archive of a prompt, or a damaged one.
  explicit PromptArchive(std::shared_ptr<const ByteSource> source);

  struct Part {
    std::string hash;      ///< of the block
    std::string path;      ///< of the member
    std::string sha256;    ///< of its bytes
    std::string settings;  ///< of recurrent state: digest of its settings; of a block: its signature, or empty
    std::string model;     ///< of a block, or empty
    std::uint64_t size = 0;
    std::int64_t token_count = 0;
    std::int64_t layers = 0;  ///< of a block; 0: not said
  };
  std::string model;
  std::string version;  ///< of the blocks, as the manifest has it: not always theirs
  std::string engine;
  std::int64_t block_size = 0;
  std::int64_t restorable_tokens = 0;
  std::vector<std::int32_t> ids;
  std::vector<Part> blocks, gdn;

  /// A member that is there with the size that the manifest says, as a source. Throws Error(unreadable, code KV911).
  [[nodiscard]] std::shared_ptr<const ByteSource> member(const Part& part) const;
  /// Reads all of it. Throws Error(unreadable, code KV911) where the digest differs, or the archive's own checksum.
  void check_digest(const Part& part) const;
  /// That a block is what the manifest says of it. Throws Error(unreadable, code KV911) where it is not, and as read_block().
  void check_settings(const Part& part) const;
  /// That the blocks are those of the ids, in this order. Throws Error(unreadable, code KV904) naming the first that is not.
  void check_chain() const;
  /// For restore_chain(). Lives no longer than the archive.
  [[nodiscard]] BlockStore store() const;

 private:
  ZipArchive zip_;
};

}  // namespace kvcache::foreign::omlx
