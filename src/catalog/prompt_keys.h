// The keys of a prompt: by them caches are known to hold the same tokens, or one the beginning of another.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/document.h"

namespace kvcache::catalog {

/// The arrays over tokens of the first layer that holds every token of its sequence in order: keys, or the packed codes, scales
/// and biases of quantized ones. Keys of a first layer depend on nothing but the tokens and their places.
class PromptKeys {
 public:
  /// Nothing for a batch, and where no layer holds every token.
  [[nodiscard]] static std::optional<PromptKeys> of(const Document& document);

  /// What has to be the same for keys to be comparable: which layer, heads, widths, dtypes.
  [[nodiscard]] const std::string& shape() const noexcept { return shape_; }
  [[nodiscard]] std::int64_t tokens() const noexcept { return tokens_; }
  /// Reads them once, with little memory: `at(n, digest)` is called with a digest of the first n tokens, for n from 1 up.
  /// Equal digests: equal keys, but for one chance in 2^64.
  void digests(const std::function<void(std::int64_t n, std::uint64_t digest)>& at) const;

 private:
  std::vector<Tensor> arrays_;  // [1, H, tokens, any]
  std::string shape_;
  std::int64_t tokens_ = 0;
};

/// Of every byte of every array of a file, in the order of its keys.
[[nodiscard]] std::uint64_t digest_of_arrays(const SafetensorsFile& file);

}  // namespace kvcache::catalog
