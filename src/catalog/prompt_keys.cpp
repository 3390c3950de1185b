#include "catalog/prompt_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "kvcache/caches.h"
#include "platform/stop.h"

namespace kvcache::catalog {
namespace {

constexpr std::uint64_t read_at_once = 1U << 20U;  // bytes

std::uint64_t mix(std::uint64_t digest, std::uint64_t word) {
  digest = (digest ^ word) * 0x9E3779B97F4A7C15U;
  return digest ^ digest >> 29U;
}

std::uint64_t mix(std::uint64_t digest, std::span<const std::byte> bytes) {
  std::uint64_t word = 0;
  for (; bytes.size() >= sizeof(word); bytes = bytes.subspan(sizeof(word))) {
    std::memcpy(&word, bytes.data(), sizeof(word));
    digest = mix(digest, word);
  }
  if (bytes.empty()) return digest;
  word = bytes.size();
  std::memcpy(&word, bytes.data(), bytes.size());
  return mix(digest, word);
}

std::vector<Tensor> arrays_over_tokens(const Cache& layer) {
  using Arrays = std::vector<Tensor>;
  if (layer.empty()) return {};
  return visit(layer,
               PerClass{[](const KVCache& plain) { return Arrays{plain.state().keys}; },
                        [](const QuantizedKVCache& quantized) {
                          Arrays arrays;
                          for (const Cache::Part& part : quantized.parts())
                            if (part.name.starts_with("key") && part.tensor.defined()) arrays.push_back(part.tensor);
                          return arrays;
                        },
                        [](const RotatingKVCache& window) {
                          // Before it is full the rows of a window are its tokens in order.
                          const auto& s = window.state();
                          const bool in_order = s.keys.rank() == 4 && s.offset <= s.keys.dim(2) && s.idx == s.offset;
                          return in_order ? Arrays{s.keys.slice(2, 0, s.offset)} : Arrays();
                        },
                        [](const CacheList& list) {
                          for (const auto& child : list.children())
                            if (auto arrays = arrays_over_tokens(*child); !arrays.empty()) return arrays;
                          return Arrays();
                        },
                        // Rows of batches are of several prompts, those of chunks not from the first token, and what is packed
                        // another way is not known.
                        [](const OneOf<ChunkedKVCache, ArraysCache, BatchKVCache, BatchRotatingKVCache, TurboQuantKVCache,
                                       VarianceNormalizedKVCache, OpaqueCache> auto&) { return Arrays(); }});
}

}  // namespace

std::optional<PromptKeys> PromptKeys::of(const Document& document) {
  for (std::size_t i = 0; i < document.cache.layers.size(); ++i) {
    PromptKeys out;
    out.arrays_ = arrays_over_tokens(*document.cache.layers[i]);
    if (out.arrays_.empty()) continue;
    out.shape_ = fmt::format("{} of {}", i, document.cache.layers.size());
    for (const Tensor& array : out.arrays_) {
      if (array.rank() != 4 || array.dim(0) != 1) return std::nullopt;
      out.tokens_ = array.dim(2);
      out.shape_ += fmt::format(", {} {}x{}", name(array.dtype()), array.dim(1), array.dim(3));
    }
    const auto of_other_length = [&](const Tensor& array) { return array.dim(2) != out.tokens_; };
    if (out.tokens_ == 0 || std::ranges::any_of(out.arrays_, of_other_length)) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

void PromptKeys::digests(const std::function<void(std::int64_t, std::uint64_t)>& at) const {
  std::uint64_t widest = 1;
  for (const Tensor& array : arrays_)
    widest = std::max<std::uint64_t>(widest, array.nbytes() / static_cast<std::uint64_t>(array.dim(1) * tokens_));
  const std::int64_t step = std::max<std::int64_t>(1, static_cast<std::int64_t>(read_at_once / widest));
  std::vector<std::byte> buffer;
  std::vector<std::uint64_t> rows;
  std::uint64_t digest = 0;
  for (std::int64_t first = 0; first < tokens_; first += step) {
    detail::throw_if_stopped();
    const std::int64_t count = std::min(step, tokens_ - first);
    rows.assign(static_cast<std::size_t>(count), 0);
    for (const Tensor& array : arrays_) {
      const std::uint64_t row_bytes = array.nbytes() / static_cast<std::uint64_t>(array.dim(1) * tokens_);
      buffer.resize(row_bytes * static_cast<std::uint64_t>(count));
      for (std::int64_t head = 0; head < array.dim(1); ++head) {
        array.read(static_cast<std::uint64_t>(head * tokens_ + first) * row_bytes, buffer);
        for (std::size_t row = 0; row < rows.size(); ++row)
          rows[row] = mix(rows[row], std::span(buffer).subspan(row * row_bytes, row_bytes));
      }
    }
    for (std::int64_t row = 0; row < count; ++row) {
      digest = mix(digest, rows[static_cast<std::size_t>(row)]);
      at(first + row + 1, digest);
    }
  }
}

std::uint64_t digest_of_arrays(const SafetensorsFile& file) {
  std::vector<std::byte> buffer;
  std::uint64_t digest = 0;
  for (const TensorEntry& entry : file.header().tensors) {
    digest = mix(digest, entry.nbytes());
    for (std::uint64_t at = entry.begin; at < entry.end; at += buffer.size()) {
      detail::throw_if_stopped();
      buffer.resize(std::min<std::uint64_t>(read_at_once, entry.end - at));
      file.source()->read_at(file.header().data_begin + at, buffer);
      digest = mix(digest, std::span<const std::byte>(buffer));
    }
  }
  return digest;
}

}  // namespace kvcache::catalog
