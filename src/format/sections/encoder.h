// Turning one Cache into the class name, arrays and metadata that an era stores.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/dialects/era.h"
#include "kvcache/caches.h"
#include "kvcache/format.h"

namespace kvcache::detail {

/// Paths are relative to the layer: "0.1" of layer 3 becomes the tensor "3.0.1" or the metadata key "0.3.0.1". Metadata with an
/// empty path is a single value.
struct EncodedLayer {
  std::string class_text;
  std::vector<std::pair<std::string, Tensor>> arrays;
  std::vector<std::pair<std::string, std::string>> meta;
};

class Encoder {
 public:
  /// `target`: what messages call it. `from`: the era the cache was read from, where it was.
  Encoder(const EraTraits& traits, std::string_view target, const EncodeOptions& options, std::optional<Era> from,
          std::vector<std::string>& warnings)
      : traits_(traits), target_(target), options_(options), from_(from), warnings_(warnings) {}

  /// Throws Error(impossible) naming `where` and the reason for what the era cannot say.
  EncodedLayer encode(const std::string& where, const Cache& cache, bool framed = false);

 private:
  EncodedLayer plain(const std::string& where, const KVCache& cache, bool framed);
  EncodedLayer rotating(const std::string& where, const RotatingKVCache& cache);
  EncodedLayer quantized(const std::string& where, const QuantizedKVCache& cache);
  EncodedLayer chunked(const std::string& where, const ChunkedKVCache& cache);
  EncodedLayer arrays(const std::string& where, const ArraysCache& cache);
  EncodedLayer list(const std::string& where, const CacheList& cache);
  EncodedLayer batch(const std::string& where, const BatchKVCache& cache, bool framed);
  EncodedLayer batch_rotating(const std::string& where, const BatchRotatingKVCache& cache);
  EncodedLayer turbo(const std::string& where, const TurboQuantKVCache& cache);
  EncodedLayer variance_normalized(const std::string& where, const VarianceNormalizedKVCache& cache);

  void no_meta(EncodedLayer& layer, bool framed) const;
  [[nodiscard]] bool edited() const;
  [[nodiscard]] bool mamba_class(const ArraysCache& cache, std::size_t slots) const;
  [[nodiscard]] std::vector<Tensor> listed_slots(const ArraysCache& cache) const;
  void require_usable_slots(const std::string& where) const;
  void require_used(const std::string& where, const Cache& cache) const;
  void require_batch(const std::string& where, const Cache& cache, bool has_class, std::string_view what) const;
  [[nodiscard]] std::string_view target() const { return target_; }

  const EraTraits& traits_;
  std::string_view target_;
  const EncodeOptions& options_;
  std::optional<Era> from_;
  std::vector<std::string>& warnings_;
};

/// Metadata as a list: values at "0", "1", ...
void set_fields(EncodedLayer& layer, const std::vector<std::string>& values);

/// The warning about a Swift window whose origin an era has no place for.
[[nodiscard]] std::string origin_lost(const std::string& where, std::string_view target);

/// Throws Error(impossible) for a window that only mlx-swift-lm since 3.33 can go on with (State::is_short()).
void refuse_short_window(const std::string& where, const RotatingKVCache& cache, std::string_view target);

/// A window as every era can store it: the field of a change that is in no release is left out.
[[nodiscard]] RotatingKVCache::State without_reserve(const RotatingKVCache& cache);

/// Slots for an era that has no word for an unset one: trailing ones may be dropped when asked to. Throws Error(impossible).
std::vector<Tensor> set_slots(const std::string& where, const ArraysCache& cache, std::string_view target, bool drop_unset);

/// The warning about a batched window, which mlx-lm cannot use once it is loaded.
[[nodiscard]] std::string batched_window_unusable(const std::string& where);

}  // namespace kvcache::detail
