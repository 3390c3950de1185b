// Caches of zeros or of random values: for tests, benchmarks and estimates without a model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kvcache/prompt_cache.h"
#include "kvcache/tensor.h"

namespace kvcache {

/// Random values that look normally distributed (mean 0, deviation 1, none beyond 4). F16, BF16 or F32. Each value depends on
/// seed, stream and its index only: the same whatever the number of threads, the machine, or the part that is read.
/// Computed while they are read. Throws Error(usage) for another dtype.
[[nodiscard]] Tensor random_tensor(Dtype dtype, Shape shape, std::uint64_t seed, std::uint64_t stream);

struct AffineQuantization {
  int bits = 8;
  int group_size = 64;
};

struct GenerateOptions {
  enum class Fill { zeros, random } fill = Fill::zeros;
  std::int64_t tokens = 0;
  std::int64_t batch = 1;
  Dtype dtype = Dtype::F16;
  std::uint64_t seed = 0;
  /// Plain layers (not those in lists) become QuantizedKVCache.
  std::optional<AffineQuantization> quantization = std::nullopt;
};

/// What a model of these layers would hold after `tokens` tokens: windows in temporal order, recurrent slots of known shape
/// filled, the others unset. Throws Error(usage) for sizes that cannot be.
[[nodiscard]] PromptCache generate_prompt_cache(std::span<const LayerSpec> layers, const GenerateOptions& options);

}  // namespace kvcache
