#pragma once

#include <string_view>

namespace kvcache::cli {

/// "0.1.0", with the commit behind it when built from a checkout between releases.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace kvcache::cli
