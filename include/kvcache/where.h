// Places in a file, as findings and errors name them.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] kvcache {

/// The file as a whole, a part of it, a layer, or a cache in a layer's list.
class Where {
 public:
  /// Numbers are part of the binary interface: none is changed or used again.
  enum class Part : std::uint8_t {
    file = 0,         ///< as a whole
    header = 1,       ///< of the container
    metadata = 2,     ///< the user's
    model_state = 3,  ///< of a Swift vision model
    leaf_table = 4,   ///< of mlx-lm 0.32
    layer = 5,        ///< a layer, or a cache within it
    entry = 6,        ///< of a folder that holds several caches: one of them, by its name there
  };

  /// The file as a whole.
  Where() = default;
  /// A part of the file: neither a layer nor an entry, which of_layer() and entry() make.
  Where(Part part) : part_(part) {}  // NOLINT(google-explicit-constructor)
  /// A layer, by its index.
  [[nodiscard]] static Where of_layer(std::size_t index);
  /// An entry of a folder, by its name there.
  [[nodiscard]] static Where entry(std::string name);
  /// A cache of the list that is here, by its index.
  [[nodiscard]] Where child(std::size_t index) const;

  /// Which part of the file.
  [[nodiscard]] Part part() const noexcept { return part_; }
  /// The layer's index, or nothing.
  [[nodiscard]] std::optional<std::size_t> layer() const noexcept;
  /// Indices into lists, from the layer down. Empty: the layer itself.
  [[nodiscard]] const std::vector<std::size_t>& children() const noexcept { return children_; }
  /// The name of an entry, raw (escape before printing), or empty.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The file as a whole is meant.
  [[nodiscard]] bool empty() const noexcept { return part_ == Part::file; }
  /// "layer 3 child 1", "header", "table of leaves", an entry's name, printable; nothing for the file as a whole.
  [[nodiscard]] std::string text() const;

  /// The same place.
  friend bool operator==(const Where&, const Where&) = default;
  /// In the order of a file: what belongs to no layer counts as one place before them.
  friend std::weak_ordering operator<=>(const Where& a, const Where& b);

 private:
  Part part_ = Part::file;
  std::size_t layer_ = 0;
  std::vector<std::size_t> children_;
  std::string name_;
};

}  // namespace kvcache
