// Which caches of a folder hold the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/list_files.h"

namespace kvcache::catalog {

/// Files of which one is enough.
struct Duplicates {
  enum class Kind {
    bytes,   ///< every array is the same, byte for byte; metadata may differ
    prompt,  ///< the same tokens, by the ids or the text in their stamps, or by the keys of the first layer that has them all
    prefix,  ///< the first file's tokens are the beginning of those of the next
  };
  Kind kind = Kind::bytes;
  bool by_stamp = false;           ///< else by the arrays themselves
  std::int64_t tokens = 0;         ///< of the prompt; of a prefix
  std::vector<std::string> paths;  ///< of a prefix: it, and the longest that begins with it
  std::size_t more = 0;            ///< of a prefix: how many others begin with it
  std::uint64_t bytes = 0;         ///< of the files without which nothing would be lost
};

[[nodiscard]] std::string_view kind_name(Duplicates::Kind kind) noexcept;

/// Compares caches of one model (a file that names none with others that name none). Each file is read once at most: the keys
/// of one layer, and all of its data where these are those of another file, and no stamp says more.
[[nodiscard]] std::vector<Duplicates> find_duplicates(const std::vector<ListedFile>& files);

}  // namespace kvcache::catalog
