// A file that has the checksums of its arrays in its header, written in one pass over them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kvcache/safetensors.h"

namespace kvcache::store::detail {

/// As write_safetensors(). `metadata` gives the header's from the arrays' CRC-32 by their keys, and is asked twice: with zeros,
/// for its size, which the sums themselves must not change.
std::uint64_t write_with_checksums(ByteSink& out, const std::vector<NamedTensor>& tensors, const WriteOptions& how,
                                   const std::function<Metadata(std::map<std::string, std::uint32_t> sums)>& metadata);

}  // namespace kvcache::store::detail
