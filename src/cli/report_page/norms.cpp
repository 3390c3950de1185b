// Maps of the norms of keys and values by layer and token.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/report_page/html.h"
#include "cli/report_page/page.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t most_norm_rows = 128;
constexpr std::size_t most_table_rows = 128;
constexpr std::size_t shades = 12;

/// Norms of one array of a layer.
struct NormRow {
  std::string label;  ///< "3", of a list "3.1"
  const std::vector<std::optional<float>>* norms;
};

// "child 1 child 0 keys" is ".1.0".
std::string label_of(std::size_t layer, std::string_view part) {
  std::string out = std::to_string(layer);
  constexpr std::string_view child = "child ";
  while (part.starts_with(child)) {
    part.remove_prefix(child.size());
    out += '.';
    while (!part.empty() && part.front() != ' ') {
      out += part.front();
      part.remove_prefix(1);
    }
    if (!part.empty()) part.remove_prefix(1);
  }
  return out;
}

std::vector<NormRow> rows_of(const CacheStats& stats, std::string_view what) {
  std::vector<NormRow> rows;
  for (const LayerStats& layer : stats.layers)
    for (const ArrayStats& a : layer.arrays)
      if (a.part.ends_with(what) && !a.norms.empty()) rows.push_back({label_of(layer.layer, a.part), &a.norms});
  return rows;
}

/// What is drawn: the mean of neighbouring rows where there are too many.
struct Map {
  std::vector<std::vector<std::optional<double>>> cells;
  double low = 0, high = 0;  ///< of the colours

  explicit Map(const std::vector<NormRow>& rows) {
    const std::size_t height = std::min(rows.size(), most_norm_rows);
    const std::size_t width = rows.front().norms->size();
    std::vector<double> all;
    for (std::size_t y = 0; y < height; ++y) {
      auto& line = cells.emplace_back(width);
      const std::size_t begin = y * rows.size() / height, end = (y + 1) * rows.size() / height;
      for (std::size_t x = 0; x < width; ++x) {
        double sum = 0;
        int count = 0;
        for (std::size_t i = begin; i < end; ++i) {
          const auto norm = (*rows[i].norms)[x];
          if (!norm || !std::isfinite(*norm)) continue;
          sum += *norm;
          ++count;
        }
        if (count == 0) continue;
        line[x] = sum / count;
        all.push_back(sum / count);
      }
    }
    if (all.empty()) return;
    // A first token of ten times the norm of the others is usual, and would leave one shade to all of them.
    std::sort(all.begin(), all.end());
    low = all[all.size() / 50];
    high = all[all.size() - 1 - all.size() / 50];
    // Norms that a model keeps equal shall look equal.
    if (const double narrow = 0.05 * high - (high - low); narrow > 0) {
      low -= narrow / 2;
      high += narrow / 2;
    }
  }

  [[nodiscard]] std::size_t shade(double norm) const {
    if (high <= low) return shades / 2;
    const double part = (norm - low) / (high - low) * static_cast<double>(shades);
    return static_cast<std::size_t>(std::clamp(part, 0.0, static_cast<double>(shades - 1)));
  }

  /// What a shade stands for.
  [[nodiscard]] std::string range(std::size_t i) const {
    if (high <= low) return fmt::format("{:.3g}", low);
    const double step = (high - low) / static_cast<double>(shades);
    const double begin = low + static_cast<double>(i) * step;
    if (i == 0) return fmt::format("below {:.3g}", begin + step);
    if (i + 1 == shades) return fmt::format("{:.3g} and more", begin);
    return fmt::format("{:.3g} to {:.3g}", begin, begin + step);
  }

  /// One path for each shade, which a mouse can ask for its numbers, runs of equal cells as one box.
  [[nodiscard]] std::string paths() const {
    std::array<std::string, shades> path;
    for (std::size_t y = 0; y < cells.size(); ++y) {
      for (std::size_t x = 0; x < cells[y].size();) {
        const std::size_t begin = x++;
        if (!cells[y][begin]) continue;
        const std::size_t mine = shade(*cells[y][begin]);
        while (x < cells[y].size() && cells[y][x] && shade(*cells[y][x]) == mine) ++x;
        path[mine] += fmt::format("M{} {}h{}v1h-{}z", begin, y, x - begin, x - begin);
      }
    }
    std::string out;
    for (std::size_t i = 0; i < shades; ++i)
      if (!path[i].empty()) out += fmt::format("<path class=\"h{}\" d=\"{}\"><title>{}</title></path>", i, path[i], range(i));
    return out;
  }
};

// Labels of some rows, beside a map of this height.
std::string axis(const std::vector<NormRow>& rows, std::size_t lines, double line_height) {
  const auto step = static_cast<std::size_t>(std::ceil(15.0 / line_height));
  std::string labels;
  std::size_t longest = 1;
  for (std::size_t y = 0; y < lines; y += step) {
    const std::string& label = rows[y * rows.size() / lines].label;
    longest = std::max(longest, label.size());
    labels += fmt::format("<text x=\"100%\" y=\"{:.1f}\">{}</text>", (static_cast<double>(y) + 0.5) * line_height + 4, label);
  }
  return fmt::format("<svg class=\"axis\" width=\"{}\" height=\"{:.0f}\" aria-hidden=\"true\">{}</svg>", 7 * longest + 4,
                     std::max(static_cast<double>(lines) * line_height, 15.0), labels);
}

std::string legend(const Map& map) {
  std::string boxes;
  for (std::size_t i = 0; i < shades; ++i)
    boxes += fmt::format("<rect class=\"h{}\" x=\"{}\" width=\"1.05\" height=\"1\"/>", i, i);
  return fmt::format(
      "<p class=\"scale\"><span>{:.3g} and less</span><svg viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\">{}</svg><span>{:.3g} and more</span></p>\n",
      map.low, shades, boxes, map.high);
}

std::string figure(const CacheStats& stats, const std::vector<NormRow>& rows, std::string_view title, std::string_view noun) {
  const Map map(rows);
  const std::size_t lines = map.cells.size();
  const double line_height = std::clamp(420.0 / static_cast<double>(lines), 3.0, 22.0);
  const auto width = map.cells.front().size();
  const std::int64_t last = stats.end_token - 1;
  return fmt::format(
             "<figure>\n<figcaption>{}</figcaption>\n<div class=\"map\">{}"
             "<svg viewBox=\"0 0 {} {}\" height=\"{:.0f}\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\" "
             "role=\"img\" "
             "aria-label=\"Norms of {} of {} layers (down) over tokens {} to {} (across), mostly from {:.3g} to {:.3g}; the "
             "table below has the numbers\">{}</svg>\n"
             "<div class=\"ticks\"><span>token {}</span><span>{}</span><span>{}</span></div></div>\n",
             title, axis(rows, lines, line_height), width, lines, std::max(static_cast<double>(lines) * line_height, 15.0),
             noun, rows.size(), stats.first_token, last, map.low, map.high, map.paths(), stats.first_token,
             stats.first_token + (last - stats.first_token) / 2, last) +
         legend(map) + "</figure>\n";
}

// First token of the stretch with the smallest or largest norm.
std::string extreme(const CacheStats& stats, const std::vector<std::optional<float>>& norms, bool largest) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < norms.size(); ++i)
    if (norms[i] && (!best || (largest ? *norms[i] > *norms[*best] : *norms[i] < *norms[*best]))) best = i;
  if (!best) return {};
  const auto positions = static_cast<std::uint64_t>(stats.end_token - stats.first_token);
  // The first position whose column this is.
  const std::uint64_t at = (*best * positions + stats.columns - 1) / stats.columns;
  return fmt::format("{:.3g} at {}", *norms[*best], static_cast<std::uint64_t>(stats.first_token) + at);
}

std::string mean_of(const std::vector<std::optional<float>>& norms) {
  double sum = 0;
  int count = 0;
  for (const auto& norm : norms) {
    if (!norm) continue;
    sum += *norm;
    ++count;
  }
  return count == 0 ? std::string() : fmt::format("{:.3g}", sum / count);
}

std::string numbers(const CacheStats& stats, const std::vector<NormRow>& keys, const std::vector<NormRow>& values) {
  HtmlTable table("Norms by layer: the mean over the tokens, and the stretch of tokens with the smallest and the largest",
                  {{"Layer", "t"},
                   {"Keys", "n"},
                   {"Smallest", "n"},
                   {"Largest", "n"},
                   {"Values", "n"},
                   {"Smallest", "n"},
                   {"Largest", "n"}});
  const std::size_t all = std::min(keys.size(), values.size());
  for (std::size_t i = 0; i < std::min(all, most_table_rows); ++i)
    table.add({keys[i].label, mean_of(*keys[i].norms), extreme(stats, *keys[i].norms, false),
               extreme(stats, *keys[i].norms, true), mean_of(*values[i].norms), extreme(stats, *values[i].norms, false),
               extreme(stats, *values[i].norms, true)});
  std::string out = "<details><summary>The same as a table</summary>\n" + table.html();
  if (all > most_table_rows) out += fmt::format("<p class=\"soft\">The first {} of {} layers.</p>\n", most_table_rows, all);
  return out + "</details>\n";
}

}  // namespace

std::string norms_html(const ReportInput& in) {
  const CacheStats& stats = in.stats;
  const std::vector<NormRow> keys = rows_of(stats, "keys");
  const std::vector<NormRow> values = rows_of(stats, "values");
  if (keys.empty() && values.empty()) return "<p>No layer holds keys and values that could be read.</p>";
  const std::int64_t positions = stats.end_token - stats.first_token;
  std::string out = fmt::format(
      "<p class=\"soft\">One line for each layer, from the first on top; tokens from left to right{}. A cell is the root mean "
      "square "
      "of the lengths of its vectors, over all heads{}{}; darker or lighter against the page is larger. Nothing is drawn where "
      "a "
      "layer "
      "holds no token.</p>\n",
      static_cast<std::size_t>(positions) > stats.columns
          ? fmt::format(", {} of them in {} stretches", positions, stats.columns)
          : "",
      std::max(keys.size(), values.size()) > most_norm_rows ? " and some neighbouring layers" : "",
      batch_size(in.document.cache) > 1 ? " and all sequences of the batch" : "");
  if (!keys.empty()) out += figure(stats, keys, "Keys", "keys");
  if (!values.empty()) out += figure(stats, values, "Values", "values");
  return out + numbers(stats, keys, values);
}

}  // namespace kvcache::cli
