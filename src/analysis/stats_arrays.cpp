#include "analysis/stats_arrays.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/logical_layer.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

class Collector {
 public:
  void add(const Cache& cache, const std::string& prefix) {
    if (cache.empty()) return;
    try {
      visit(cache, PerClass{[&](const BatchKVCache& batch) { add_batch(batch, prefix); },
                            [&](const BatchRotatingKVCache& windows) {
                              BatchRotatingKVCache ordered = windows;
                              ordered.unrotate();
                              add_batch(ordered, prefix);
                            },
                            [&](const ArraysCache& recurrent) {
                              const auto& slots = recurrent.state().slots;
                              for (std::size_t i = 0; i < slots.size(); ++i)
                                if (slots[i].defined()) add_piece(fmt::format("{}slot {}", prefix, i), slots[i], std::nullopt);
                            },
                            [&](const CacheList& list) {
                              for (std::size_t i = 0; i < list.children().size(); ++i)
                                add(*list.children()[i], fmt::format("{}child {} ", prefix, i));
                            },
                            [&](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, ChunkedKVCache, TurboQuantKVCache,
                                            VarianceNormalizedKVCache, OpaqueCache> auto& other) {
                              for (LogicalPart& part : logical_parts(other)) add_part(part, prefix);
                            }});
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::io || error.kind() == ErrorKind::interrupted) throw;
      for (const Cache::Part& part : cache.parts()) of_part(prefix + part.name).why_not = error.what();
    }
  }

  std::vector<CountedArray> take() { return std::move(arrays_); }

 private:
  // Left padding goes, which in temporal order is what comes first.
  template <typename Batch>
  void add_batch(const Batch& batch, const std::string& prefix) {
    const auto& s = batch.state();
    for (const auto& [name, array] : {std::pair{"keys", &s.keys}, std::pair{"values", &s.values}}) {
      const std::int64_t rows = array->dim(2);
      const std::vector<SequenceRows> sequences = sequence_rows(s.offset, s.left_padding, rows);
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        const auto sequence = static_cast<std::int64_t>(i);
        add_piece(prefix + name, array->slice(0, sequence, sequence + 1).slice(2, sequences[i].begin, rows),
                  sequences[i].first_token);
      }
    }
  }

  void add_part(LogicalPart& part, const std::string& prefix) {
    constexpr std::string_view pinned = "pinned ";
    if (part.name.starts_with(pinned)) part.name.erase(0, pinned.size());
    if (part.tensor.defined()) add_piece(prefix + part.name, std::move(part.tensor), part.first_token);
  }

  void add_piece(const std::string& name, Tensor tensor, std::optional<std::int64_t> first_token) {
    CountedArray& array = of_part(name);
    if (tensor.rank() != 4) first_token.reset();
    if (is_float(tensor.dtype()))
      array.pieces.push_back({std::move(tensor), first_token});
    else
      array.why_not = fmt::format("{} values are not counted", kvcache::name(tensor.dtype()));
  }

  CountedArray& of_part(const std::string& name) {
    const auto found = std::ranges::find(arrays_, name, &CountedArray::part);
    return found != arrays_.end() ? *found : arrays_.emplace_back(CountedArray{name, {}, {}});
  }

  std::vector<CountedArray> arrays_;
};

}  // namespace

std::vector<CountedArray> counted_arrays(const Cache& layer) {
  Collector collector;
  collector.add(layer, "");
  std::vector<CountedArray> arrays = collector.take();
  for (CountedArray& array : arrays)
    if (!array.why_not.empty()) array.pieces.clear();
  return arrays;
}

}  // namespace kvcache::detail
