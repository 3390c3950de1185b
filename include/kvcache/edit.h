// Writing a cache back in the format it was read from.
#pragma once

#include "kvcache/release.h"

namespace [[gnu::visibility("default")]] kvcache {

/// As encode(), for a cache that comes from `source`. Where that is of the format of `target` already, nothing changes but what
/// was edited: recurrent layers keep their class name, which a conversion chooses by what the target's models ask for. A file
/// with layers that are not understood (OpaqueCache) stays as it is, but for the user metadata: no other era can hold them.
[[nodiscard]] Encoded encode_edited(const PromptCache& cache, const Document& source, const Target& target,
                                    const EncodeOptions& options = {});

}  // namespace kvcache
