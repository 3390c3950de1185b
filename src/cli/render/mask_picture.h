// A mask as text: which query sees which row of keys.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kvcache/tensor.h"

namespace kvcache::cli {

struct MaskPicture {
  Tensor mask;                 ///< BOOL; the last axis runs over columns, all others over rows
  std::int64_t group = 1;      ///< rows that belong together (the queries of one sequence): never drawn as one line with others
  std::string_view row_title;  ///< above the labels of rows: "query"
  std::string_view column_title;
  std::function<std::string(std::int64_t row)> label;
};

/// At most text_width columns and a screenful of lines: where the mask has more, one character stands for a block, and a last
/// line says of how many. Reads the mask in pieces of bounded size.
[[nodiscard]] std::string draw(const MaskPicture& picture);

}  // namespace kvcache::cli
