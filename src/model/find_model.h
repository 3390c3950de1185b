// Where a model lies on this machine.
#pragma once

#include <optional>
#include <string>

namespace kvcache::detail {

/// The folder of a model that is named by its path, or by its id (mlx-community/Llama-3.2-3B) where the local cache of Hugging
/// Face has it: in $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub, the revision that refs/main names. A path is
/// returned as it is; nothing where there is neither.
[[nodiscard]] std::optional<std::string> find_model(const std::string& name);

/// The same, for what has to be there. Throws Error(io), saying where it was looked for.
[[nodiscard]] std::string require_model(const std::string& name);

}  // namespace kvcache::detail
