// What the axes of keys and values [B, H, S, D] are.
#pragma once

namespace kvcache::detail {

inline constexpr int batch_axis = 0;
inline constexpr int head_axis = 1;
inline constexpr int row_axis = 2;
inline constexpr int dim_axis = 3;

}  // namespace kvcache::detail
