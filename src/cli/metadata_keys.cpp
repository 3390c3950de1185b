#include "cli/metadata_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {

void require_safe_key(std::string_view key, bool force) {
  if (key.starts_with("__mlx_lm_state_"))
    throw Error(ErrorKind::usage, fmt::format("'{}' belongs to the model state of mlx-swift-lm", printable(key)),
                "choose another key");
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto later = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  if (force || (!key.empty() && letter(key[0]) && std::all_of(key.begin(), key.end(), later))) return;
  throw Error(ErrorKind::usage,
              fmt::format("mlx-lm returns another structure for the key '{}' than what was stored", printable(key)),
              "letters, digits, _ and -, not a digit first; --force stores it all the same");
}

}  // namespace kvcache::cli
