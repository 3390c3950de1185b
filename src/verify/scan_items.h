// What the data scan looks at: every float array of a document, and what it is for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tensor/quantize_layout.h"
#include "verify/rules.h"

namespace kvcache::detail {

enum class Role : std::uint8_t {
  keys_values,  ///< keys, values, scales, biases, norms: infinity is an error
  slot,         ///< recurrent state: infinity is a warning, as some models start at -inf
  other,        ///< arrays of layers that could not be decoded, model state: only NaN is said to be wrong
};

/// What scales belong to: group g of them has the codes [g * layout.weight_bytes(), ...) of `weights`.
struct ScanCodes {
  Tensor weights;
  GroupLayout layout;
  std::int64_t tokens = 0;  ///< rows that hold any: nobody decodes the others
};

struct ScanItem {
  Tensor tensor;
  Tensor biases;                        ///< beside scales: the biases of the same groups
  std::optional<ScanCodes> codes = {};  ///< beside scales whose codes can be decoded
  Role role = Role::other;
  Where where;
  std::string key;
  std::string name;               ///< "keys", "value scales", "slot 1"
  std::uint64_t file_offset = 0;  ///< of the first byte, for reading in file order
};

/// In file order. Arrays that share bytes with an earlier one are left out, so that no file makes the scan read more than its
/// size.
[[nodiscard]] std::vector<ScanItem> scan_items(const Document& document, const std::vector<Place>& places);

}  // namespace kvcache::detail
