// Statistics and histograms of every array.
#include <fmt/format.h>

#include <algorithm>

#include "cli/report_page/html.h"
#include "cli/report_page/page.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t most_value_rows = 256;

// Bars of [low, high); what is outside of that counts for the ends.
std::string histogram(const ArrayStats& a) {
  std::vector<std::uint64_t> counts = a.histogram.counts;
  counts.front() += a.histogram.below;
  counts.back() += a.histogram.above;
  const std::uint64_t most = std::max<std::uint64_t>(1, *std::max_element(counts.begin(), counts.end()));
  std::string path;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    // What is not zero is visible.
    const auto height = std::max<std::uint64_t>(1, counts[i] * 30 / most);
    path += fmt::format("M{} 30h4v-{}h-4z", 5 * i, height);
  }
  const std::string_view kind = a.part.ends_with("keys") ? "" : a.part.ends_with("values") ? " values" : " state";
  return fmt::format(
      "<svg class=\"hist{}\" viewBox=\"0 0 {} 30\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"histogram from "
      "{:.3g} to "
      "{:.3g}\"><path d=\"{}\"/></svg>",
      kind, 5 * counts.size(), a.histogram.low, a.histogram.high, path);
}

std::vector<std::string> row(std::size_t layer, const ArrayStats& a) {
  std::vector<std::string> cells = {std::to_string(layer), escaped(printable(a.part))};
  if (!a.why_not.empty() || a.finite() == 0) {
    cells.resize(7);
    cells.push_back(escaped(!a.why_not.empty() ? printable(a.why_not, 200) : a.count == 0 ? "no tokens" : stats_notes(a)));
    return cells;
  }
  for (const double number : {a.min, a.max, a.mean, a.deviation}) cells.push_back(fmt::format("{:.3g}", number));
  cells.push_back(histogram(a));
  cells.push_back(escaped(stats_notes(a)));
  return cells;
}

}  // namespace

std::string values_html(const ReportInput& in) {
  HtmlTable table("Values of each array; a quantized one by its decoded values", {{"Layer", "t"},
                                                                                  {"Part", "t"},
                                                                                  {"Min", "n"},
                                                                                  {"Max", "n"},
                                                                                  {"Mean", "n"},
                                                                                  {"Std", "n"},
                                                                                  {"Histogram", "t"},
                                                                                  {"Notes", "w"}});
  std::size_t arrays = 0;
  for (const LayerStats& layer : in.stats.layers) {
    arrays += layer.arrays.size();
    for (const ArrayStats& a : layer.arrays)
      if (table.rows() < most_value_rows) table.add(row(layer.layer, a));
  }
  if (arrays == 0) return "<p>There are no values: no layer was ever used.</p>";
  std::string out = fmt::format(
      "<p class=\"soft\">Only what stands for tokens counts: no padding, no unused rows. A histogram spans four standard "
      "deviations "
      "around the mean; its ends hold what is beyond. An outlier is a channel of {} times the usual magnitude.</p>\n",
      outlier_ratio);
  out += table.html();
  if (arrays > most_value_rows)
    out +=
        fmt::format("<p class=\"soft\">The first {} of {} arrays; <code>kvcache inspect --stats FILE</code> lists all.</p>\n",
                    most_value_rows, arrays);
  return out;
}

}  // namespace kvcache::cli
