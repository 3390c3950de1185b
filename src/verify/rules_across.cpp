// What the layers of one model have in common: sequences and offsets.
#include <fmt/format.h>

#include <map>

#include "verify/rules.h"

namespace kvcache::detail {
namespace {

// Places by a number that should be the same for all, in file order within a number.
using Groups = std::map<std::int64_t, std::vector<const Place*>>;

// The number most places have; the first place's among equals.
std::int64_t common_value(const Groups& groups) {
  const auto* best = &*groups.begin();
  for (const auto& group : groups) {
    const bool more = group.second.size() > best->second.size();
    const bool earlier = group.second.size() == best->second.size() && group.second.front() < best->second.front();
    if (more || earlier) best = &group;
  }
  return best->first;
}

// One finding however many layers differ: the first that does, and how many more.
void report_difference(const Groups& groups, std::string_view code, std::string_view quantity, std::string_view consequence,
                       Findings& findings) {
  if (groups.size() < 2) return;
  const std::int64_t common = common_value(groups);
  const Place* odd = nullptr;
  std::int64_t odd_value = 0;
  std::size_t odd_count = 0;
  for (const auto& [value, members] : groups) {
    if (value == common) continue;
    odd_count += members.size();
    if (odd != nullptr && odd < members.front()) continue;
    odd = members.front();
    odd_value = value;
  }
  const std::string more = odd_count > 1 ? fmt::format(" (and {} more that differ)", odd_count - 1) : "";
  if (odd->cache->empty()) {
    findings.push_back(make_finding(code, odd->where, {},
                                    fmt::format("never used{}, but {} holds {} tokens: it loads, and the model then decodes "
                                                "wrongly unless the layer is a draft model's",
                                                more, groups.at(common).front()->where.text(), common)));
    return;
  }
  findings.push_back(make_finding(code, odd->where, first_key(*odd),
                                  fmt::format("{} {}{}, but {} has {}: {}", quantity, odd_value, more,
                                              groups.at(common).front()->where.text(), common, consequence)));
}

// A layer of a class that counts every token, without any: mlx-swift-lm saves those that were never used.
bool is_unused(const Place& place) {
  const bool counts_tokens = visit(
      *place.cache, PerClass{[](const OneOf<KVCache, QuantizedKVCache, RotatingKVCache, ChunkedKVCache> auto&) { return true; },
                             [](const OneOf<ArraysCache, CacheList, BatchKVCache, BatchRotatingKVCache, TurboQuantKVCache,
                                            VarianceNormalizedKVCache, OpaqueCache> auto&) { return false; }});
  return counts_tokens && place.cache->empty() && !place.is_child;
}

bool is_leaf(const Place& place) {
  return place.sound && place.as<CacheList>() == nullptr;
}

}  // namespace

std::optional<std::int64_t> token_offset(const Place& place) {
  if (place.cache->empty()) return std::nullopt;
  using Offset = std::optional<std::int64_t>;
  return visit(*place.cache,
               PerClass{[](const KVCache& plain) { return Offset(rows_in(plain.state().keys)); },
                        [](const OneOf<QuantizedKVCache, RotatingKVCache> auto& cache) { return Offset(cache.state().offset); },
                        [](const ChunkedKVCache& chunked) {
                          const auto& s = chunked.state();
                          if (s.offset_stored) return s.true_offset;
                          return s.start_position == 0 ? Offset(rows_in(s.keys)) : Offset();
                        },
                        // Batches have an offset for each sequence, and state has none.
                        [](const OneOf<ArraysCache, CacheList, BatchKVCache, BatchRotatingKVCache, TurboQuantKVCache,
                                       VarianceNormalizedKVCache, OpaqueCache> auto&) { return Offset(); }});
}

void check_across_layers(const std::vector<Place>& places, Findings& findings) {
  Groups batches;
  Groups offsets;
  for (const Place& place : places) {
    if (!is_leaf(place)) continue;
    if (const auto batch = place.cache->batch_size()) batches[*batch].push_back(&place);
    if (const auto offset = token_offset(place)) offsets[*offset].push_back(&place);
  }
  // Among layers that hold tokens, one that was never used counts as 0: the model decodes wrongly with it.
  if (!offsets.empty())
    for (const Place& place : places)
      if (is_leaf(place) && is_unused(place)) offsets[0].push_back(&place);
  report_difference(batches, "KV501", "batch size", "layers of one cache hold the same sequences", findings);
  report_difference(offsets, "KV502", "offset", "right only where a draft model's or multi-token layers are in the file",
                    findings);
}

}  // namespace kvcache::detail
