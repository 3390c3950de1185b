#include <algorithm>
#include <limits>
#include <optional>

#include "analysis/stats_arrays.h"
#include "analysis/stats_scan.h"
#include "kvcache/stats.h"

namespace kvcache {
namespace {

/// Arrays that are counted together: enough to keep all threads busy, few enough for what is kept of each part meanwhile.
constexpr std::uint64_t group_bytes = 64U << 20U;
constexpr std::size_t group_arrays = 256;

class Statistician {
 public:
  Statistician(const PromptCache& cache, const StatsOptions& options) : cache_(cache), options_(options) {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t end = 0;
    for (const auto& layer : cache.layers) {
      for (const detail::CountedArray& array : detail::counted_arrays(*layer)) {
        total_ += bytes_of(array);
        for (const auto& piece : array.pieces) {
          if (!piece.first_token || piece.tensor.elements() == 0) continue;
          first = std::min(first, *piece.first_token);
          end = std::max(end, *piece.first_token + piece.tensor.dim(2));
        }
      }
    }
    if (end <= first) return;
    const auto most = static_cast<std::uint64_t>(end - first);
    columns_ = {first, end, static_cast<std::size_t>(std::min<std::uint64_t>(options.columns, most))};
  }

  CacheStats run() {
    meter_.emplace(options_.progress, total_);
    CacheStats out;
    out.first_token = columns_.first;
    out.end_token = columns_.end;
    out.columns = columns_.count;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < cache_.layers.size(); ++i) {
      out.layers.push_back({i, {}});
      for (detail::CountedArray& array : detail::counted_arrays(*cache_.layers[i])) {
        bytes += bytes_of(array);
        group_.push_back(std::move(array));
        layer_of_.push_back(i);
      }
      if (bytes < group_bytes && group_.size() < group_arrays) continue;
      count_group(out);
      bytes = 0;
    }
    count_group(out);
    return out;
  }

 private:
  void count_group(CacheStats& out) {
    std::vector<ArrayStats> stats = detail::scan_arrays(group_, columns_, options_, *meter_);
    for (std::size_t i = 0; i < stats.size(); ++i) out.layers[layer_of_[i]].arrays.push_back(std::move(stats[i]));
    group_.clear();
    layer_of_.clear();
  }

  const PromptCache& cache_;
  const StatsOptions& options_;
  detail::Columns columns_;
  std::uint64_t total_ = 0;
  std::optional<detail::ProgressMeter> meter_;
  std::vector<detail::CountedArray> group_;
  std::vector<std::size_t> layer_of_;
};

}  // namespace

CacheStats statistics(const PromptCache& cache, const StatsOptions& options) {
  return Statistician(cache, options).run();
}

}  // namespace kvcache
