// Recurrent state that omlx keeps beside its blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "foreign/lazy_file.h"
#include "foreign/omlx/block.h"

namespace kvcache::foreign::omlx {

/// The folder, below _gdn_sidecars, of settings with this canonical signature. `state_dtype`: "bf16", "int8", "rht_int8",
/// "rht_int16", or empty for float32.
[[nodiscard]] std::string gdn_folder(std::string_view signature, std::string_view state_dtype);
/// Every folder that may be of a block's settings: the one of float32 first, as it has lost nothing.
[[nodiscard]] std::vector<std::string> gdn_folders(const BlockFacts& facts);

struct GdnSidecar {
  std::int64_t version = 0;
  std::int64_t token_count = 0;     ///< up to the end of its block; 0: not known
  std::vector<StoredLayer> layers;  ///< those without state are empty
  std::vector<std::string> codecs;  ///< in use, each once
};

/// Throws what opening throws, and Error(unreadable) where it is none or contradicts itself.
[[nodiscard]] GdnSidecar read_gdn(const LazyFile& file);

/// Whether its layers are those of the block that needs it. Throws nothing.
[[nodiscard]] bool fits(const GdnSidecar& sidecar, const BlockFacts& facts);

}  // namespace kvcache::foreign::omlx
