// Pages of section 7: documents of docs/ as man pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvcache::cli {

/// A page made of a Markdown document: its first heading is left out, as `summary` says it. `see_also`: "kvcache\\-trim 1".
[[nodiscard]] std::string document_page(const std::string& name, std::string_view summary, std::string_view document,
                                        const std::vector<std::string>& see_also);

}  // namespace kvcache::cli
