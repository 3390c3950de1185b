// `kvcache inspect --stats`: what the values of each layer look like.
#include <fmt/format.h>

#include <cmath>

#include "cli/render/inspect.h"
#include "cli/render/sparkline.h"
#include "cli/render/table.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

// Two bins of the histogram to a character; beside it, what is outside of its range counts for its ends.
std::string picture(const Histogram& histogram) {
  std::vector<double> bars;
  for (std::size_t i = 0; i + 1 < histogram.counts.size(); i += 2)
    bars.push_back(static_cast<double>(histogram.counts[i] + histogram.counts[i + 1]));
  if (bars.empty()) return {};
  bars.front() += static_cast<double>(histogram.below);
  bars.back() += static_cast<double>(histogram.above);
  return sparkline(bars);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  const double percents = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return percents < 10 ? fmt::format("{:.2g} %", percents) : fmt::format("{:.0f} %", percents);
}

}  // namespace

std::string stats_notes(const ArrayStats& stats) {
  std::string out;
  const auto note = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (stats.nan != 0) note(fmt::format("{} NaN", stats.nan));
  if (stats.infinite != 0) note(fmt::format("{} infinite", stats.infinite));
  if (stats.zeros != 0) note(percent(stats.zeros, stats.count) + " zeros");
  if (stats.outlier_channels != 0) {
    const OutlierChannel& most = stats.outliers.front();
    note(fmt::format("{}: head {} channel {} {:.1f}×", count_of(static_cast<std::uint64_t>(stats.outlier_channels), "outlier"),
                     most.head, most.channel, most.ratio));
  }
  return out;
}

std::string inspect_stats(const Context& context, const CacheStats& stats) {
  using Align = Table::Align;
  Table table({{"Layer"},
               {"Part"},
               {"Min", Align::right},
               {"Max", Align::right},
               {"Mean", Align::right},
               {"Std", Align::right},
               {"Histogram"},
               {"Notes"}},
              2);
  for (const LayerStats& layer : stats.layers) {
    std::string label = std::to_string(layer.layer);
    if (layer.arrays.empty()) table.add({label, "", "", "", "", "", "", "never used"});
    for (const ArrayStats& a : layer.arrays) {
      const std::string part = printable(a.part, 24);
      if (!a.why_not.empty())
        table.add({label, part, "", "", "", "", "", printable(a.why_not, 200)});
      else if (a.finite() == 0)
        table.add({label, part, "", "", "", "", "", a.count == 0 ? "no tokens" : stats_notes(a)});
      else
        table.add({label, part, fmt::format("{:.3g}", a.min), fmt::format("{:.3g}", a.max), fmt::format("{:.3g}", a.mean),
                   fmt::format("{:.3g}", a.deviation), picture(a.histogram), stats_notes(a)});
      label.clear();
    }
  }
  return table.text(Style(context, stdout));
}

}  // namespace kvcache::cli
