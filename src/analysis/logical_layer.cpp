#include "analysis/logical_layer.h"

#include <fmt/format.h>

#include <algorithm>

namespace kvcache::detail {
namespace {

void add_ring(const RotatingKVCache& ring, std::vector<LogicalPart>& parts) {
  const auto& s = ring.state();
  const Tensor keys = ring.temporal_order(s.keys);
  const Tensor values = ring.temporal_order(s.values);
  const std::int64_t rows = keys.dim(2);
  const std::int64_t dropped = s.offset - rows;
  if (dropped <= 0) {
    parts.push_back({"keys", keys, 0});
    parts.push_back({"values", values, 0});
    return;
  }
  const std::int64_t keep = std::min(s.keep, rows);
  parts.push_back({"keys", keys.slice(2, keep, rows), keep + dropped});
  parts.push_back({"values", values.slice(2, keep, rows), keep + dropped});
  if (keep == 0) return;
  parts.push_back({"pinned keys", keys.slice(2, 0, keep), 0});
  parts.push_back({"pinned values", values.slice(2, 0, keep), 0});
}

// Paddings are no values: what they leave of each sequence is in `sequences`.
template <typename State>
std::vector<SequenceRows> add_batch(const State& s, std::vector<LogicalPart>& parts) {
  std::vector<SequenceRows> sequences = sequence_rows(s.offset, s.left_padding, s.keys.dim(2));
  parts.push_back({"keys", s.keys, std::nullopt, sequences});
  parts.push_back({"values", s.values, std::nullopt, sequences});
  parts.push_back({"offsets", Tensor::of_i32(s.offset), std::nullopt});
  return sequences;
}

void add_windows(const BatchRotatingKVCache& windows, std::vector<LogicalPart>& parts) {
  BatchRotatingKVCache ordered = windows;
  ordered.unrotate();
  const auto& s = ordered.state();
  const std::vector<SequenceRows> sequences = add_batch(s, parts);
  // Padding can have taken the place of tokens that a window with the same offset holds.
  const std::int64_t rows = s.keys.dim(2);
  Int32s missing;
  for (std::size_t b = 0; b < std::min(sequences.size(), s.offset.size()); ++b) {
    const std::int64_t due = std::min<std::int64_t>(s.offset[b], s.max_size);
    missing.push_back(static_cast<std::int32_t>(std::max<std::int64_t>(0, due - (rows - sequences[b].begin))));
  }
  parts.push_back({"missing tokens", Tensor::of_i32(missing), std::nullopt});
}

}  // namespace

std::vector<SequenceRows> sequence_rows(const Int32s& offset, const Int32s& left_padding, std::int64_t rows) {
  std::vector<SequenceRows> sequences;
  for (std::size_t b = 0; b < left_padding.size(); ++b) {
    const std::int64_t begin = std::clamp<std::int64_t>(left_padding[b], 0, rows);
    const std::int64_t dropped = b < offset.size() ? offset[b] - (rows - begin) : 0;
    sequences.push_back({begin, std::max<std::int64_t>(dropped, 0)});
  }
  return sequences;
}

std::vector<LogicalPart> logical_parts(const Cache& layer) {
  std::vector<LogicalPart> parts;
  if (layer.empty()) return parts;
  const auto as_they_are = [&parts](const Cache& cache) {
    for (Cache::Part& part : cache.parts()) parts.push_back({std::move(part.name), std::move(part.tensor), std::nullopt});
  };
  visit(layer, PerClass{[&](const KVCache& plain) {
                          parts.push_back({"keys", plain.state().keys, 0});
                          parts.push_back({"values", plain.state().values, 0});
                        },
                        [&](const RotatingKVCache& ring) { add_ring(ring, parts); },
                        [&](const QuantizedKVCache& quantized) {
                          if (quantized.state().has_unnamed_mode()) return as_they_are(quantized);
                          parts.push_back({"keys", quantized.decoded_keys(), 0});
                          parts.push_back({"values", quantized.decoded_values(), 0});
                        },
                        [&](const ChunkedKVCache& chunked) {
                          const std::int64_t valid = chunked.valid_rows();
                          const std::int64_t start = chunked.state().start_position;
                          parts.push_back({"keys", chunked.state().keys.slice(2, 0, valid), start});
                          parts.push_back({"values", chunked.state().values.slice(2, 0, valid), start});
                        },
                        [&](const BatchKVCache& batch) { add_batch(batch.state(), parts); },
                        [&](const BatchRotatingKVCache& windows) { add_windows(windows, parts); },
                        [&](const CacheList& list) {
                          for (std::size_t i = 0; i < list.children().size(); ++i)
                            for (LogicalPart& part : logical_parts(*list.children()[i])) {
                              part.name = fmt::format("child {} {}", i, part.name);
                              parts.push_back(std::move(part));
                            }
                        },
                        // What their values mean is not known here.
                        [&](const OneOf<ArraysCache, TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto& other) {
                          as_they_are(other);
                        }});
  return parts;
}

}  // namespace kvcache::detail
