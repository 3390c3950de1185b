// Writing the same bytes compressed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/safetensors.h"
#include "safetensors/progress_meter.h"

namespace kvcache::detail {

/// Write header and data of all tensors as one gzip member, from the first byte to the last. Returns the compressed size.
[[nodiscard]] std::uint64_t write_gzip(ByteSink& out, const std::string& header, const std::vector<NamedTensor>& tensors,
                                       const StopToken& stop, ProgressMeter& progress);

}  // namespace kvcache::detail
