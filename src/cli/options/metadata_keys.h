// Which keys of user metadata every runtime returns as they were stored.
#pragma once

#include <string_view>

namespace kvcache::cli {

/// Throws Error(usage) for a key that mlx-lm returns as something else (docs/formats.md, "User metadata"), unless `force`; and
/// always for the keys of mlx-swift-lm's model state, which only that runtime may write.
void require_safe_key(std::string_view key, bool force);

}  // namespace kvcache::cli
