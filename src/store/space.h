// Namespaces: what is never shared across them.
#pragma once

#include <string>
#include <string_view>

#include "kvcache/store/types.h"
#include "store/layout.h"

namespace kvcache::store::detail {

/// The name of the namespace of an identity, a layout and a salt (empty: none).
[[nodiscard]] Digest space_name(const Digest& identity, std::string_view layout, std::string_view salt);

/// What an entry keeps beside its tokens: what a file says and a layout does not.
[[nodiscard]] std::string facets_of(const PromptCache& cache);
/// Class names and origins again, where the caches are of the same classes.
void apply_facets(const std::string& facets, std::vector<std::unique_ptr<Cache>>& leaves);

/// JSON of what the object of an entry says; and back. Throws Error(unreadable).
[[nodiscard]] std::string entry_label(const Entry& entry);
[[nodiscard]] Entry entry_from_label(const std::string& label);
/// The same of a namespace.
[[nodiscard]] std::string space_label(const Namespace& space);
[[nodiscard]] Namespace space_from_label(const std::string& label);

}  // namespace kvcache::store::detail
