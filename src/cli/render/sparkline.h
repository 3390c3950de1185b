// A row of small bars.
#pragma once

#include <string>
#include <vector>

namespace kvcache::cli {

/// One character per value, from ' ' for 0 to a full block for the largest; infinities are full.
[[nodiscard]] std::string sparkline(const std::vector<double>& values);

}  // namespace kvcache::cli
