#include "safetensors/late_header.h"
#include "stamp/passing_checksums.h"
#include "stamp/stamp_draft.h"

namespace kvcache::detail {

std::uint64_t write_stamped(const std::string& path, const Encoded& encoded, StampDraft& draft, const WriteOptions& options) {
  const std::string placeholder = to_json(draft.stamp);
  PassingChecksums sums(encoded.tensors.size());
  return write_with_late_header(path, encoded.tensors, encoded.metadata, options, sums, [&] {
    finish(draft, sums.by_key(encoded.tensors));
    Metadata metadata = encoded.metadata;
    for (auto& [key, value] : metadata)
      if (value == placeholder) value = to_json(draft.stamp);
    return metadata;
  });
}

}  // namespace kvcache::detail
