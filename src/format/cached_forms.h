// Where the models of two runtimes cache different arrays for one architecture: a file that is carried from one to the other
// loads there, and decodes wrongly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kvcache/format.h"

namespace kvcache::detail {

/// model_type as a config.json has it, told from what a file calls its model ("mlx-community/DeepSeek-V3-4bit"); only types
/// that matter here, and nothing for other names.
[[nodiscard]] std::optional<std::string_view> model_type_of_name(std::string_view name);

/// What the target's model would take the keys and values of a cache for.
struct FormVerdict {
  std::string wrong;     ///< why they decode wrongly there, or empty
  std::string doubtful;  ///< the same, if the cache is of one of the models that the shapes fit; or empty
};

/// `from`: where the cache comes from, `model_type`: what is known of its model. Quantized layers count as what they hold.
[[nodiscard]] FormVerdict judge_form(const PromptCache& cache, EraSet from, Era target,
                                     std::optional<std::string_view> model_type);

}  // namespace kvcache::detail
