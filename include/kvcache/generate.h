// Caches of zeros or of random values: for tests, benchmarks and estimates without a model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kvcache/prompt_cache.h"
#include "kvcache/tensor.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Random values that look normally distributed (mean 0, deviation 1, none beyond 4). F16, BF16 or F32. Each value depends on
/// seed, stream and its index only: the same whatever the number of threads, the machine, or the part that is read.
/// Computed while they are read. Throws Error(usage) for another dtype.
[[nodiscard]] Tensor random_tensor(Dtype dtype, Shape shape, std::uint64_t seed, std::uint64_t stream);

/// How values are packed (quantize.h).
struct AffineQuantization {
  int bits = 8;         ///< per value
  int group_size = 64;  ///< values that share a scale
};

/// What generate_prompt_cache() makes.
struct GenerateOptions {
  /// What values are.
  enum class Fill { zeros, random };
  Fill fill = Fill::zeros;   ///< of every array
  std::int64_t tokens = 0;   ///< of each sequence
  std::int64_t batch = 1;    ///< sequences
  Dtype dtype = Dtype::F16;  ///< of keys and values
  std::uint64_t seed = 0;    ///< of random values
  /// Plain layers (not those in lists) become QuantizedKVCache.
  std::optional<AffineQuantization> quantization = std::nullopt;
};

/// What a model of these layers would hold after `tokens` tokens: windows in temporal order, recurrent slots of known shape
/// filled, the others unset. Throws Error(usage) for sizes that cannot be.
[[nodiscard]] PromptCache generate_prompt_cache(std::span<const LayerSpec> layers, const GenerateOptions& options);

}  // namespace kvcache
