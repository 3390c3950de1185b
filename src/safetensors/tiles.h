// Computations that are written whole: each unit is computed once, for all of its outputs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// A computation of which one output or more are tensors of the file, from their first byte to their last.
struct TiledComputation {
  explicit TiledComputation(const Computation& c) : computation(&c), positions(c.outputs()) {}

  const Computation* computation;
  /// For each output, where it goes in the file: nowhere, or to one place or more.
  std::vector<std::vector<std::uint64_t>> positions;

  /// Bytes of the wanted outputs per unit: what a tile has to hold.
  [[nodiscard]] std::uint64_t unit_bytes() const;
  /// How many units have `bytes` of input or of output, whichever is more. At least 1.
  [[nodiscard]] std::uint64_t units_in(std::uint64_t bytes) const;
  /// Compute units [first, last) and write them wherever they go. Returns how many bytes that were.
  std::uint64_t write(ByteSink& out, std::uint64_t first, std::uint64_t last) const;
};

/// The extent that is the whole of a tensor and the whole of an output, if the tensor is of that kind.
[[nodiscard]] std::optional<Extent> whole_output(const Tensor& tensor);

}  // namespace kvcache::detail
