#include "edit/metadata_keys.h"

#include <fmt/format.h>

#include "common/quote.h"
#include "format/user_metadata.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::detail {
namespace {

void require_safe_key(std::string_view key, bool force) {
  if (key.starts_with(state_key_prefix))
    throw Error(ErrorKind::usage, fmt::format("'{}' belongs to the model state of mlx-swift-lm", printable(key)),
                "choose another key");
  if (force || is_safe_user_key(key)) return;
  throw Error(ErrorKind::usage,
              fmt::format("mlx-lm returns another structure for the key '{}' than what was stored", printable(key)),
              Remedy("letters, digits, _ and -, not a digit first; ") + Remedy(Remedy::Action::repeat, {{"overwrite", ""}}) +
                  " stores it all the same");
}

}  // namespace

void set_metadata(PromptCache& cache, const std::string& key, const std::string& value, bool force) {
  const std::string word = key + '=' + value;
  if (const std::size_t at = utf8_prefix(word); at != word.size())
    throw Error(ErrorKind::usage, fmt::format("'{}' is not UTF-8 (at its byte {})", printable(word), at),
                "metadata is text: encode other bytes first, for example with base64");
  require_safe_key(key, force);
  cache.metadata[key] = value;
}

void unset_metadata(PromptCache& cache, const std::string& key) {
  if (cache.metadata.erase(key) == 0)
    throw Error(ErrorKind::impossible, fmt::format("no metadata '{}' to unset", printable(key)));
}

}  // namespace kvcache::detail
