// The table of leaves in files of mlx-lm 0.32 (docs/formats.md, "A table of leaves"): which arrays of a state stand for a
// number, a text or nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/index_paths.h"
#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// What an array of a state is: an array unless the table says otherwise.
enum class LeafKind : std::uint8_t { array, scalar, string, none };

/// The index in an ArrayTree of an array that the table names and the file does not have (reported).
inline constexpr std::size_t missing_leaf = static_cast<std::size_t>(-1);

class LeafTable {
 public:
  explicit LeafTable(const SafetensorsFile& file) : file_(file) {}

  /// Read section 2. `arrays`, by layer: an array that is named but missing gets its place there, as `missing_leaf`, unless its
  /// whole layer is missing. Reports KV201, KV203 and KV492.
  void read(ArrayTree& arrays, Findings& findings);

  /// What an array is, or nothing where its row does not fit it (reported).
  [[nodiscard]] std::optional<LeafKind> kind(const std::string& key) const;
  /// The value of a scalar: integers of any width and booleans. What does not fit into 63 bits is the largest that does.
  [[nodiscard]] std::int64_t scalar(std::size_t array) const;
  /// The text of a string.
  [[nodiscard]] std::string text(std::size_t array) const;
  /// 0.1 of this tool wrote a pair of empty texts as first row, and left out or added a few leaves.
  [[nodiscard]] bool early_form() const noexcept { return early_form_; }

 private:
  struct Row {
    std::optional<std::string> key, kind;
  };
  void add_row(const std::string& metadata_key, const std::string& value, std::map<std::uint64_t, Row>& rows,
               Findings& findings);
  void add_leaf(std::uint64_t row, const std::string& key, const std::string& kind, ArrayTree& arrays, Findings& findings);
  [[nodiscard]] std::string defect(const TensorEntry& entry, LeafKind kind) const;
  [[nodiscard]] std::vector<std::int64_t> integers(const TensorEntry& entry) const;

  const SafetensorsFile& file_;
  std::map<std::string, std::optional<LeafKind>> kinds_;
  bool early_form_ = false;
};

}  // namespace kvcache::detail
