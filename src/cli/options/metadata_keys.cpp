#include "cli/options/metadata_keys.h"

#include <fmt/format.h>

#include "format/user_metadata.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {

void require_safe_key(std::string_view key, bool force) {
  if (key.starts_with(detail::state_key_prefix))
    throw Error(ErrorKind::usage, fmt::format("'{}' belongs to the model state of mlx-swift-lm", printable(key)),
                "choose another key");
  if (force || detail::is_safe_user_key(key)) return;
  throw Error(ErrorKind::usage,
              fmt::format("mlx-lm returns another structure for the key '{}' than what was stored", printable(key)),
              "letters, digits, _ and -, not a digit first; --force stores it all the same");
}

}  // namespace kvcache::cli
