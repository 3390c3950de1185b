// The documents that the tool carries: what `kvcache explain` says and man pages are made of.
#pragma once

#include <string_view>

namespace kvcache::cli {

/// docs/findings.md
[[nodiscard]] std::string_view findings_document() noexcept;
/// docs/formats.md
[[nodiscard]] std::string_view formats_document() noexcept;
/// Where docs/ is published, without a slash at its end (KVCACHE_DOCUMENTS_URL of CMake), or empty.
[[nodiscard]] std::string_view documents_url() noexcept;

}  // namespace kvcache::cli
