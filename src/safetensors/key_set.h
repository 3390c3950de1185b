// Finding keys that occur twice in one object of a header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::detail {

/// The keys of the objects that are open at the moment, innermost last. All in one string, with four bytes beside each key:
/// a hostile header of 100 MB may consist of keys, and a set of strings would take ten times its size.
class KeySet {
 public:
  void open_object() { objects_.push_back(starts_.size()); }
  void add(std::string_view key);
  /// Ends the innermost object. Returns a key that it had twice, if any.
  [[nodiscard]] std::optional<std::string> close_object();

 private:
  [[nodiscard]] std::string_view key(std::uint32_t start) const;

  std::string text_;                   // length and bytes of each key
  std::vector<std::uint32_t> starts_;  // into text_; a header is below 100 MB
  std::vector<std::size_t> objects_;   // into starts_: the first key of each object
};

}  // namespace kvcache::detail
