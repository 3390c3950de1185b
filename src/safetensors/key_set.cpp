#include "safetensors/key_set.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace kvcache::detail {

void KeySet::add(std::string_view key) {
  starts_.push_back(static_cast<std::uint32_t>(text_.size()));
  const auto length = static_cast<std::uint32_t>(key.size());
  text_.append(reinterpret_cast<const char*>(&length), sizeof(length));
  text_.append(key);
}

std::string_view KeySet::key(std::uint32_t start) const {
  std::uint32_t length = 0;
  std::memcpy(&length, text_.data() + start, sizeof(length));
  return std::string_view(text_).substr(start + sizeof(length), length);
}

std::optional<std::string> KeySet::close_object() {
  const std::size_t first = objects_.back();
  objects_.pop_back();
  if (first == starts_.size()) return std::nullopt;
  const std::uint32_t text_begin = starts_[first];
  const auto begin = starts_.begin() + static_cast<std::ptrdiff_t>(first);

  const auto not_ascending = [this](std::uint32_t a, std::uint32_t b) { return key(a) >= key(b); };
  std::optional<std::string> twice;
  // Every known writer sorts its keys, so sorting them again is the exception.
  if (std::adjacent_find(begin, starts_.end(), not_ascending) != starts_.end()) {
    std::sort(begin, starts_.end(), [this](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
    const auto same = std::adjacent_find(begin, starts_.end(), not_ascending);
    if (same != starts_.end()) twice = key(*same);
  }
  starts_.resize(first);
  text_.resize(text_begin);
  return twice;
}

}  // namespace kvcache::detail
