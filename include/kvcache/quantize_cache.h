// Quantizing whole prompt caches, and back. Lazy; strong guarantee; lists are followed into their children unless said
// otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/quantize.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What to quantize, and how.
struct QuantizeRequest {
  int bits = 8;                                   ///< per value: 2, 3, 4, 5, 6 or 8
  int group_size = 64;                            ///< values that share a scale: 32, 64 or 128
  std::function<bool(std::size_t layer)> wanted;  ///< empty: every layer
  bool requantize = false;                        ///< decode layers that are quantized already and quantize them again
  bool report = false;                            ///< gather ErrorStats
  bool made_anew = false;  ///< no file stands behind the cache: refusals propose no other quantization of it
  std::string layers;      ///< how `wanted` was said ("0-3,!7"), for what refusals propose
};

/// What quantize_prompt_cache did with one layer.
struct QuantizedLayer {
  std::size_t layer = 0;                 ///< index
  std::string class_name;                ///< before
  bool quantized = false;                ///< it is a QuantizedKVCache now
  std::string why_not;                   ///< "a rotating window has no quantized form", or empty
  Remedy remedy;                         ///< what quantizes it all the same, or empty
  std::uint64_t key_bytes_before = 0;    ///< of keys
  std::uint64_t key_bytes_after = 0;     ///< of keys: codes, scales and biases
  std::uint64_t value_bytes_before = 0;  ///< of values
  std::uint64_t value_bytes_after = 0;   ///< of values: codes, scales and biases
  std::shared_ptr<ErrorStats> keys;      ///< with `report`; read after writing
  std::shared_ptr<ErrorStats> values;    ///< with `report`; read after writing
};

/// As mlx-lm's to_quantized on every plain layer; windows, chunks, recurrent state, batches and lists stay as they are, as in
/// the reference. Throws Error(usage) for unsupported bits or group size, Error(impossible) naming the layer when the group
/// size does not divide a head dim (with one that does), and when decoding would drop rows behind a layer's offset.
std::vector<QuantizedLayer> quantize_prompt_cache(PromptCache& cache, const QuantizeRequest& request);

/// QuantizedKVCache layers (also in lists) become KVCache. `dtype`: of the result, by default that of the scales. Returns how
/// many layers changed. Throws Error(impossible) for a mode without biases and for rows behind the offset, which would be lost.
std::size_t dequantize_prompt_cache(PromptCache& cache, std::optional<Dtype> dtype);

}  // namespace kvcache
