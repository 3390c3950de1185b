// The folder of omlx' paged cache: what lies where, by names alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "foreign/foreign_format.h"

namespace kvcache::foreign::omlx {

/// What a file is for the server, by its place and its name.
enum class Role {
  block,      ///< <64 hex>.safetensors in the folder of its first digit
  gdn,        ///< recurrent state of a block, below _gdn_sidecars
  tokens,     ///< <64 hex>.tokens: the ids of a block
  text,       ///< <64 hex>.txt: the same as text
  temporary,  ///< of any of them; and snapshots that a request has staged
  other,
};
/// `relative`: of the folder, with slashes.
[[nodiscard]] Role role_of(std::string_view relative);

/// Whether a folder, or each folder in it, has folders 0 to f of blocks.
[[nodiscard]] bool is_block_folder(const FolderLook& folder);

/// Every file, in the order of names. dflash_l2 is another project's and left out.
[[nodiscard]] std::vector<Item> items_in(const std::string& folder);

/// Files by the hash in their names.
class FolderIndex {
 public:
  explicit FolderIndex(const std::string& folder);
  FolderIndex(const FolderIndex&) = delete;
  FolderIndex& operator=(const FolderIndex&) = delete;
  ~FolderIndex() = default;

  /// Path of the block, or nullptr.
  [[nodiscard]] const std::string* block(std::string_view hash) const;
  /// Paths of recurrent state for it: of several settings.
  [[nodiscard]] std::vector<std::string> gdn(std::string_view hash) const;
  /// Path of the ids, or nullptr.
  [[nodiscard]] const std::string* tokens(std::string_view hash) const;
  [[nodiscard]] const std::vector<std::string>& block_paths() const { return blocks_; }
  [[nodiscard]] const std::vector<std::string>& token_paths() const { return tokens_; }

 private:
  // Keys are views of the stems in the paths.
  using ByHash = std::unordered_map<std::string_view, std::uint32_t>;
  std::vector<std::string> blocks_, tokens_, gdn_;
  ByHash block_of_, tokens_of_;
  std::unordered_multimap<std::string_view, std::uint32_t> gdn_of_;
};

}  // namespace kvcache::foreign::omlx
