// How omlx stores recurrent state in fewer bits, and back. All of them have lost something of the state that lived.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/tensor.h"

namespace kvcache::foreign::omlx {

/// What is stored beside an array.
struct Codec {
  std::string name;        ///< "rht_int16_rowwise_last_axis_v1"; empty: none
  std::string seed = "0";  ///< of the signs, as text
  std::int64_t dim = 0;    ///< of the rotation; 0: not stored
};

/// The array as float32, lazily. `scale`: one per row, for the codecs that have it. Throws Error(unreadable) for an unknown
/// codec, and for shapes and dtypes that do not fit it.
[[nodiscard]] Tensor decode_state(const Tensor& stored, const std::optional<Tensor>& scale, const Codec& codec,
                                  std::string_view where);

/// Signs of the rotation: whether element i keeps its sign.
[[nodiscard]] std::vector<bool> rotation_signs(std::string_view seed, std::int64_t dim);

}  // namespace kvcache::foreign::omlx
