// One tensor entry of a header: from what the JSON says to a TensorEntry, or the one thing that is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kvcache/safetensors.h"
#include "safetensors/defect.h"

namespace kvcache::detail {

/// A scalar of JSON, as far as entries tell them apart. `plain`: an integer in [0, 2^64), spelt without sign, fraction or
/// exponent; `huge`: one above that; `negative`: one below 0. -0, 1.0 and 1e2 are `other`.
struct Scalar {
  enum class Kind : std::uint8_t { null, boolean, plain, negative, huge, other, string } kind = Kind::null;
  std::uint64_t value = 0;      ///< kind plain
  std::string* text = nullptr;  ///< kind string, may be moved from
};

/// Collects the fields of an entry while they are parsed.
class EntryCheck {
 public:
  enum class Field : std::uint8_t { none, dtype, shape, offsets };

  void start(std::string key);
  /// The next value belongs to this field. Unknown fields are ignored, whatever they hold.
  void field(std::string_view name);
  void scalar(const Scalar& scalar);  ///< the value of the field itself
  void start_array();                 ///< the field's value is an array
  void start_object();                ///< the field's value is an object
  void element(const Scalar& scalar);
  void nested_element();  ///< an element of the field's array is an array or object
  void end_array() { field_ = Field::none; }

  /// KV111 or KV113 from what was seen until now: for an entry that cannot be parsed to its end.
  [[nodiscard]] std::optional<Defect> so_far() const;
  /// Checks KV111 ... KV117 in this order. `data_bytes`: size of the data section.
  [[nodiscard]] std::optional<Defect> finish(std::uint64_t data_bytes, TensorEntry& out);

 private:
  void malformed(std::string what);
  void dimension(const Scalar& scalar);
  void offset(const Scalar& scalar);
  [[nodiscard]] std::optional<Defect> check(std::uint64_t data_bytes);
  [[nodiscard]] Defect defect(std::string_view code, const std::string& what, std::string hint = {}) const;

  TensorEntry entry_;
  Field field_ = Field::none;
  std::string malformed_;  // the first reason for KV111
  std::optional<std::string> dtype_;
  bool has_shape_ = false;
  std::uint64_t rank_ = 0;              // of which max_rank dimensions are kept
  std::string bad_dimension_;           // the first one out of range
  std::optional<std::size_t> offsets_;  // how many there were
};

}  // namespace kvcache::detail
