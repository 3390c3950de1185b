// Token ids from files of several kinds.
#include "stamp/token_file.h"

#include "kvcache/error.h"
#include "kvcache/store.h"
#include "platform/text_file.h"

namespace kvcache::store {

TokenIds read_token_file(const std::string& path) {
  const std::string bytes =
      kvcache::detail::read_text_file(path, {256U << 20U, ErrorKind::usage, "that many tokens are no prompt"});
  TokenIds ids = kvcache::detail::parse_token_file(bytes, path);
  if (ids.empty())
    throw Error(ErrorKind::usage, "no token ids are in it", "a JSON list, integers as text, .npy, or little-endian int32");
  return ids;
}

}  // namespace kvcache::store
