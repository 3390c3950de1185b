// Comparing two caches: first what they mean, then their values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Something that differs before any value is looked at.
struct Difference {
  Where where;           ///< a layer, the metadata, or the whole cache
  std::string what;      ///< "class", "tokens", "window", "dtype", "layers", "model"
  std::string a;         ///< the first cache's value, printable
  std::string b;         ///< the second one's
  bool storage = false;  ///< only how values are stored (dtype, quantization), not what they stand for
};

/// Values of one array of a layer in both caches, compared where both hold the same tokens.
struct ValueDifference {
  std::string part;                         ///< "keys", "values", "slot 1"
  std::uint64_t elements = 0;               ///< compared
  std::uint64_t differing = 0;              ///< by more than the tolerance
  std::optional<std::int64_t> first_token;  ///< position of the first token with a differing value; absent for recurrent state
  std::optional<std::int64_t> sequence;     ///< of several in a batch: the one that token is of; the lowest, if in many
  double max_abs_error = 0;     ///< infinite where one side is NaN and the other is not; NaN for integers that differ
  double rms_error = 0;         ///< over `elements`; NaN as above
  std::vector<double> profile;  ///< RMS error over at most 24 equal stretches of the tokens
  std::string why_not;          ///< not compared: "shapes [1, 2, 7, 64] and [1, 4, 7, 64]"
};

/// The values of one layer.
struct LayerDifference {
  std::size_t layer = 0;                ///< index in both caches
  std::string name;                     ///< "layer 3 (KVCache)" of the first cache
  std::vector<ValueDifference> values;  ///< one per array
};

/// What compare() found.
struct Comparison {
  std::vector<Difference> differences;  ///< before values; with a tolerance none of storage
  std::vector<LayerDifference> layers;  ///< the layers that both have
  /// Nothing differs; with a tolerance, values within it and another way of storing them count as the same.
  [[nodiscard]] bool equal() const;
  bool tolerant = false;  ///< a tolerance was given
};

/// How to compare.
struct CompareOptions {
  double tolerance = 0;  ///< absolute
  unsigned threads = 0;  ///< 0: as many as there are cores
  Progress progress;     ///< bytes of both caches
  StopToken stop = {};   ///< looked at between parts of arrays
};

/// Windows compare in temporal order, quantized layers by their decoded values, batches sequence by sequence without their left
/// padding. Reads all values. Throws Error(io) where they cannot be read, Error(interrupted) on a stop; whatever differs is no
/// error. Stamps are not compared: they are about files.
[[nodiscard]] Comparison compare(const PromptCache& a, const PromptCache& b, const CompareOptions& options = {});

}  // namespace kvcache
