// Where the bytes go: one bar for the file, and one for each layer where they differ.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/report_page/html.h"
#include "cli/report_page/page.h"
#include "cli/terminal/words.h"
#include "kvcache/caches.h"

namespace kvcache::cli {
namespace {

struct ArrayKind {
  std::string_view title, style;
  std::uint64_t bytes = 0;
};

class Kinds {
 public:
  void add(const Cache& cache) {
    if (const auto* list = as<CacheList>(cache)) {
      for (const auto& child : list->children()) add(*child);
      return;
    }
    const bool recurrent = is<ArraysCache>(cache);
    for (const Cache::Part& part : cache.parts())
      if (part.tensor.defined()) kinds_[recurrent ? 3 : kind_of(part.name)].bytes += part.tensor.nbytes();
  }
  /// Header, offsets and paddings, model state, bytes that belong to nothing.
  void add_rest(std::uint64_t file_bytes) {
    std::uint64_t known = 0;
    for (const ArrayKind& kind : kinds_) known += kind.bytes;
    kinds_[4].bytes += file_bytes > known ? file_bytes - known : 0;
  }
  [[nodiscard]] const auto& all() const { return kinds_; }

 private:
  static std::size_t kind_of(std::string_view name) {
    if (name.find("scale") != std::string_view::npos || name.find("bias") != std::string_view::npos) return 2;
    if (name.starts_with("key")) return 0;
    return name.starts_with("value") ? 1 : 4;
  }
  std::array<ArrayKind, 5> kinds_ = {{{"Keys", "keys"},
                                      {"Values", "values"},
                                      {"Scales and biases", "scales"},
                                      {"Recurrent state", "state"},
                                      {"Header and everything else", "other"}}};
};

/// 5,767,168
std::string in_thousands(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string stack(const Kinds& kinds, double whole) {
  std::string words, boxes;
  double left = 0;
  for (const ArrayKind& kind : kinds.all()) {
    const double width = 1000.0 * static_cast<double>(kind.bytes) / whole;
    if (kind.bytes == 0) continue;
    words += fmt::format("{}{} {:.1f} %", words.empty() ? "" : ", ", kind.title, width / 10);
    boxes += fmt::format("<rect class=\"{}\" x=\"{:.2f}\" y=\"0\" width=\"{:.2f}\" height=\"10\"/>", kind.style, left, width);
    left += width;
  }
  return fmt::format(
      "<svg class=\"stack\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{}</svg>\n",
      escaped(words), boxes);
}

// The mean of neighbours where there are more layers than pixels.
std::string per_layer(const Overview& overview) {
  constexpr std::size_t most_bars = 256;
  std::uint64_t least = UINT64_MAX, most = 0;
  for (const Facts& facts : overview.layers) {
    least = std::min(least, facts.bytes);
    most = std::max(most, facts.bytes);
  }
  const std::size_t layers = overview.layers.size();
  if (layers < 2 || least == most) return {};
  const std::size_t bars = std::min(layers, most_bars);
  std::string path;
  for (std::size_t bar = 0; bar < bars; ++bar) {
    const std::size_t begin = bar * layers / bars, end = (bar + 1) * layers / bars;
    double bytes = 0;
    for (std::size_t i = begin; i < end; ++i) bytes += static_cast<double>(overview.layers[i].bytes);
    const double height = 100 * bytes / static_cast<double>(end - begin) / static_cast<double>(most);
    if (height > 0) path += fmt::format("M{} 100h.8v{:.1f}h-.8z", bar, -std::max(height, 1.0));
  }
  return fmt::format(
      "<h3>By layer</h3>\n<svg class=\"bars\" viewBox=\"0 0 {:.1f} 100\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"Bytes of each layer, from {} to {}\"><path d=\"{}\"/></svg>\n"
      "<div class=\"ticks\"><span>layer 0</span><span>largest {}, smallest {}</span><span>layer {}</span></div>\n",
      static_cast<double>(bars) - 0.2, human_bytes(static_cast<double>(least)), human_bytes(static_cast<double>(most)), path,
      human_bytes(static_cast<double>(most)), human_bytes(static_cast<double>(least)), layers - 1);
}

}  // namespace

std::string bytes_html(const ReportInput& in) {
  Kinds kinds;
  for (const auto& layer : in.document.cache.layers) kinds.add(*layer);
  const std::uint64_t bytes = in.document.file.header().file_bytes;
  kinds.add_rest(bytes);
  const double whole = static_cast<double>(std::max<std::uint64_t>(bytes, 1));
  HtmlTable table(in.document.file.gzip() ? "Bytes of the file, decompressed" : "Bytes of the file",
                  {{"What", "t"}, {"Bytes", "n"}, {"Size", "n"}, {"Share", "n"}});
  for (const ArrayKind& kind : kinds.all()) {
    if (kind.bytes == 0) continue;
    table.add({fmt::format("<svg class=\"swatch\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect class=\"{}\" width=\"1\" "
                           "height=\"1\"/></svg>{}",
                           kind.style, kind.title),
               in_thousands(kind.bytes), human_bytes(static_cast<double>(kind.bytes)),
               fmt::format("{:.1f} %", 100.0 * static_cast<double>(kind.bytes) / whole)});
  }
  std::string out = stack(kinds, whole) + table.html();
  if (in.overview.padding_bytes != 0)
    out += fmt::format("<p>Of these, {} are padding that no token uses.</p>\n",
                       human_bytes(static_cast<double>(in.overview.padding_bytes)));
  return out + per_layer(in.overview);
}

}  // namespace kvcache::cli
