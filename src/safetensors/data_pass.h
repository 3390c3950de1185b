// Writing the data section: one pass over everything, in pieces that any thread can take.
#pragma once

#include <cstdint>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/safetensors.h"
#include "safetensors/late_header.h"
#include "safetensors/progress_meter.h"

namespace kvcache::detail {

/// Write the data of all tensors, one after another, from `data_begin` of `out`. Memory: about 2 MiB per thread. Where somebody
/// observes them, no data are handed over in the kernel.
void write_data(ByteSink& out, std::uint64_t data_begin, const std::vector<NamedTensor>& tensors, const WriteOptions& how,
                ProgressMeter& progress, DataObserver* observer = nullptr);

/// Whether more than half of these arrays will be holes (platform/holes.h): room for all of it is not to be reserved, which
/// would take it away again hole by hole. Looks at where each array begins.
[[nodiscard]] bool mostly_holes(const std::vector<NamedTensor>& tensors);

}  // namespace kvcache::detail
