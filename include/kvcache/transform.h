// Transformations of whole prompt caches: class, dtype, quantization. All lazy; strong guarantee; lists are followed into their
// children unless said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/quantize.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Turn windows into plain caches: only where nothing was evicted (offset == rows), because keys carry absolute positions.
/// Throws Error(impossible) naming the first layer that has lost tokens. Returns how many layers changed.
std::size_t convert_to_plain(PromptCache& cache);

/// What convert_to_rotating did.
struct WindowsMade {
  std::size_t layers = 0;    ///< that changed
  std::int64_t dropped = 0;  ///< tokens that went, of the layer that lost most
};

/// Turn plain caches into windows of `max_size` tokens that pin the first `keep`. Longer caches lose the tokens between.
/// Throws Error(usage) unless 0 <= keep < max_size.
WindowsMade convert_to_rotating(PromptCache& cache, std::int64_t max_size, std::int64_t keep);

/// Cast keys and values to F16, BF16 or F32. Recurrent state, whose precision models choose with care, and quantized layers
/// stay. Throws Error(usage) for another dtype. Returns how many layers changed.
std::size_t cast_prompt_cache(PromptCache& cache, Dtype dtype, bool allow_overflow,
                              const std::shared_ptr<CastStats>& stats = nullptr);

/// What to quantize, and how.
struct QuantizeRequest {
  int bits = 8;                                   ///< per value: 2, 3, 4, 5, 6 or 8
  int group_size = 64;                            ///< values that share a scale: 32, 64 or 128
  std::function<bool(std::size_t layer)> wanted;  ///< empty: every layer
  bool requantize = false;                        ///< decode layers that are quantized already and quantize them again
  bool report = false;                            ///< gather ErrorStats
  std::string command;                            ///< that asked, but for the group size: hints repeat it with another one
};

/// What quantize_prompt_cache did with one layer.
struct QuantizedLayer {
  std::size_t layer = 0;                 ///< index
  std::string class_name;                ///< before
  bool quantized = false;                ///< it is a QuantizedKVCache now
  std::string why_not;                   ///< "a rotating window has no quantized form", or empty
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
