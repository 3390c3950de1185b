// Files as omlx' own writer makes them: keys in the order of writing, the metadata last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/safetensors.h"

namespace kvcache::foreign::omlx {

struct OrderedFile {
  std::vector<NamedTensor> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;

  void add(std::string key, Tensor tensor) { tensors.push_back({std::move(key), std::move(tensor)}); }
  void say(std::string key, std::string value) { metadata.emplace_back(std::move(key), std::move(value)); }
  /// The bytes before the data: length, JSON, spaces up to a multiple of eight. Throws Error(impossible) for a dtype that omlx
  /// does not read.
  [[nodiscard]] std::string header() const;
  /// Bytes of the data.
  [[nodiscard]] std::uint64_t data_bytes() const;
};

/// Calls `take` for the bytes of the file from the first to the last, in pieces.
void each_piece(const OrderedFile& file, const std::function<void(std::span<const std::byte>)>& take);

}  // namespace kvcache::foreign::omlx
