// Small prompt-cache files to be verified, in the layout of mlx-lm 0.19 and later unless a test says otherwise.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "kvcache/verify.h"
#include "support/folder.h"
#include "support/places.h"

namespace test {

/// A tensor of F32, F16 or BF16 with 1.0 everywhere; BF16 and F16 as bits.
inline kvcache::Tensor ones(kvcache::Shape shape, kvcache::Dtype dtype = kvcache::Dtype::F16) {
  const auto count = static_cast<std::size_t>(*kvcache::element_count(shape));
  std::vector<std::byte> bytes(count * kvcache::item_size(dtype));
  const float wide = 1.0F;
  const std::uint16_t narrow = dtype == kvcache::Dtype::F16 ? 0x3C00 : 0x3F80;
  for (std::size_t i = 0; i < count; ++i) {
    if (dtype == kvcache::Dtype::F32)
      std::memcpy(bytes.data() + 4 * i, &wide, 4);
    else
      std::memcpy(bytes.data() + 2 * i, &narrow, 2);
  }
  return kvcache::Tensor::of_bytes(dtype, std::move(shape), std::move(bytes));
}

/// The same with bit patterns in some places (by element).
template <typename Word>
kvcache::Tensor with(const kvcache::Tensor& tensor, const std::vector<std::pair<std::size_t, Word>>& changes) {
  std::vector<std::byte> bytes(tensor.nbytes());
  tensor.read(0, bytes);
  for (const auto& [element, bits] : changes) std::memcpy(bytes.data() + element * sizeof(Word), &bits, sizeof(Word));
  return kvcache::Tensor::of_bytes(tensor.dtype(), tensor.shape(), std::move(bytes));
}

inline kvcache::VerifyOptions with_data(unsigned threads = 1) {
  kvcache::VerifyOptions options;
  options.data = true;
  options.threads = threads;
  return options;
}

class Sample {
 public:
  /// A layer with its metadata ("" is the scalar of classes that have none) and arrays by the path inside the layer.
  Sample& layer(const std::string& class_name, const std::vector<std::string>& fields,
                const std::vector<kvcache::NamedTensor>& arrays) {
    const std::string index = std::to_string(layers_++);
    metadata["2." + index] = class_name;
    if (fields == std::vector<std::string>{""}) {
      metadata["0." + index] = "";
    } else {
      for (std::size_t i = 0; i < fields.size(); ++i) metadata["0." + index + "." + std::to_string(i)] = fields[i];
    }
    for (const auto& [path, tensor] : arrays) tensors.push_back({index + "." + path, tensor});
    return *this;
  }
  Sample& kv(std::int64_t rows = 6) {
    return layer("KVCache", {""}, {{"0", ones({1, 2, rows, 8})}, {"1", ones({1, 2, rows, 8})}});
  }

  /// Write it and return the path.
  std::string write() {
    const std::string path = folder_ / "cache.safetensors";
    kvcache::WriteOptions options;
    options.overwrite = true;
    kvcache::write_safetensors(path, tensors, metadata, options);
    return path;
  }
  kvcache::FileReport verify(const kvcache::VerifyOptions& options = {}) { return kvcache::verify_file(write(), options); }
  std::string codes() { return codes_of(verify().findings); }
  std::string data_codes() { return codes_of(verify(with_data()).findings); }

  kvcache::Metadata metadata{{"1.title", "a sample"}};  ///< without any, one layer is worth a warning (KV715)
  std::vector<kvcache::NamedTensor> tensors;

 private:
  Folder folder_;
  int layers_ = 0;
};

}  // namespace test
