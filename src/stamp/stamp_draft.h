// Making a stamp in two steps: what is known at once, and the checksums.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "kvcache/stamp.h"

namespace kvcache::detail {

struct StampDraft {
  Stamp earlier;  ///< the one that the cache has; empty where it is no stamp
  Stamp stamp;    ///< of every array the checksum 0 until finish()
};

/// Throws Error(impossible) as make_stamp(), but for data that do not agree.
[[nodiscard]] StampDraft draft_stamp(const PromptCache& cache, const Encoded& encoded, const StampRequest& request);
/// Throws Error(impossible) when the checksums are not those of the earlier stamp.
void finish(StampDraft& draft, std::map<std::string, std::uint32_t> checksums);

/// Writes `encoded`, whose metadata holds to_json(draft.stamp), to a file, and computes the checksums of what passes by: the
/// data are read once. Not for gzip, where the header comes first. Returns the number of bytes. Throws as finish() and
/// write_safetensors(); then nothing is left behind.
std::uint64_t write_stamped(const std::string& path, const Encoded& encoded, StampDraft& draft, const WriteOptions& options);

}  // namespace kvcache::detail
