#include "cli/render/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace kvcache::cli {

std::string sparkline(const std::vector<double>& values) {
  static constexpr std::array<std::string_view, 9> bars = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double top = 0;
  for (const double v : values)
    if (std::isfinite(v)) top = std::max(top, v);
  std::string out;
  for (const double v : values) {
    std::size_t bar = 0;
    if (!std::isfinite(v)) {
      bar = bars.size() - 1;
    } else if (v > 0 && top > 0) {
      // What is not zero is visible.
      bar = std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(v / top * 8)), 1, bars.size() - 1);
    }
    out += bars[bar];
  }
  return out;
}

}  // namespace kvcache::cli
