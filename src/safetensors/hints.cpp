#include "safetensors/hints.h"

#include <unordered_map>

namespace kvcache::detail {
namespace {

// Of a million runs the first ones are enough: it is a hint.
constexpr std::size_t most_ranges = 16384;

void add(std::vector<ByteRange>& ranges, ByteRange range) {
  if (!ranges.empty() && ranges.back().offset + ranges.back().size == range.offset)
    ranges.back().size += range.size;
  else if (ranges.size() < most_ranges)
    ranges.push_back(range);
}

// Its first byte tells, where visiting a tensor of a million runs of a file would take long.
bool begins_in_slow_source(const Tensor& tensor) {
  bool slow = false;
  if (tensor.nbytes() > 0)
    tensor.visit(0, 1, [&](const Extent& e) { slow = e.kind == Extent::Kind::source && e.source->descriptor() < 0; });
  return slow;
}

}  // namespace

void tell_sources(const std::vector<NamedTensor>& tensors) {
  // Small arrays that were made in memory are a source each.
  std::unordered_map<const ByteSource*, std::vector<ByteRange>> wanted;
  for (const NamedTensor& named : tensors) {
    if (!begins_in_slow_source(named.tensor)) continue;
    named.tensor.visit(0, named.tensor.nbytes(), [&](const Extent& extent) {
      if (extent.kind == Extent::Kind::source) add(wanted[extent.source], {extent.offset, extent.length});
    });
  }
  for (const auto& [source, ranges] : wanted) source->will_need(ranges);
}

}  // namespace kvcache::detail
