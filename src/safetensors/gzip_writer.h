// Writing the same bytes compressed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kvcache/safetensors.h"
#include "platform/file.h"
#include "safetensors/progress.h"

namespace kvcache::detail {

/// Write header and data of all tensors as one gzip member, from the first byte to the last. Returns the compressed size.
[[nodiscard]] std::uint64_t write_gzip(const File& out, const std::string& header, const std::vector<NamedTensor>& tensors,
                                       ProgressMeter& progress);

}  // namespace kvcache::detail
