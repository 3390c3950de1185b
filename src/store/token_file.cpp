// Token ids from files of several kinds.
#include "stamp/token_file.h"

#include "kvcache/error.h"
#include "kvcache/store.h"
#include "platform/text_file.h"

namespace kvcache::store {

TokenIds read_token_file(const std::string& path) {
  using namespace kvcache::detail;
  return parse_prompt_file(read_text_file(path, {max_token_file_bytes, ErrorKind::usage, "that many tokens are no prompt"}),
                           path);
}

}  // namespace kvcache::store
