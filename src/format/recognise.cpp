#include "format/recognise.h"

#include <algorithm>

#include "format/decoder.h"
#include "format/document.h"
#include "format/user_metadata.h"

namespace kvcache::detail {
namespace {

/// Classes are the values of "2.i", "2.i.j", ..., and of "1.i" in mlx-lm's files since 2026-09.
bool may_hold_class(std::string_view key) {
  if (!key.starts_with("1.") && !key.starts_with("2.")) return false;
  for (key.remove_prefix(2);;) {
    const std::size_t dot = key.find('.');
    if (!parse_index(key.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    key.remove_prefix(dot + 1);
  }
}

bool is_class(std::string_view text) {
  if (text.starts_with(state_class_prefix)) text.remove_prefix(state_class_prefix.size());
  return Decoder::knows_class(text);
}

}  // namespace

bool is_surely_prompt_cache(const Header& header) {
  if (std::ranges::any_of(header.metadata,
                          [](const auto& entry) { return may_hold_class(entry.first) && is_class(entry.second); }))
    return true;
  return !header.tensors.empty() && std::ranges::all_of(header.tensors, is_legacy_key, &TensorEntry::key);
}

}  // namespace kvcache::detail
