#include "documents/stats_json.h"

namespace kvcache::documents {
namespace {

Json array_json(const ArrayStats& a) {
  if (!a.why_not.empty()) return {{"part", a.part}, {"not_counted", a.why_not}};
  const bool any = a.finite() != 0;
  Json largest = Json::array();
  for (const OutlierChannel& outlier : a.outliers)
    largest.push_back({{"head", outlier.head}, {"channel", outlier.channel}, {"ratio", json_of(outlier.ratio)}});
  return {
      {"part", a.part},
      {"count", a.count},
      {"min", any ? Json(a.min) : Json(nullptr)},
      {"max", any ? Json(a.max) : Json(nullptr)},
      {"mean", any ? Json(a.mean) : Json(nullptr)},
      {"std", any ? Json(a.deviation) : Json(nullptr)},
      {"zeros", a.zeros},
      {"nan", a.nan},
      {"infinite", a.infinite},
      {"histogram",
       {{"low", a.histogram.low},
        {"high", a.histogram.high},
        {"counts", a.histogram.counts},
        {"below", a.histogram.below},
        {"above", a.histogram.above}}},
      {"outlier_channels",
       {{"ratio", outlier_ratio}, {"channels", a.channels}, {"count", a.outlier_channels}, {"largest", std::move(largest)}}}};
}

}  // namespace

Json stats_json(const LayerStats& stats) {
  Json out = Json::array();
  for (const ArrayStats& a : stats.arrays) out.push_back(array_json(a));
  return out;
}

}  // namespace kvcache::documents
