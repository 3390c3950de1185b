// Writing the data section: one pass over everything, in pieces that any thread can take.
#pragma once

#include <cstdint>
#include <vector>

#include "kvcache/safetensors.h"
#include "platform/file.h"
#include "safetensors/progress.h"

namespace kvcache::detail {

/// Write the data of all tensors, one after another, from `data_begin` of `out`. Memory: about 2 MiB per thread.
void write_data(const File& out, std::uint64_t data_begin, const std::vector<NamedTensor>& tensors, unsigned threads,
                ProgressMeter& progress);

}  // namespace kvcache::detail
