// A prompt cache as the tensors and the metadata of a file.
#pragma once

#include <string>
#include <vector>

#include "kvcache/document.h"
#include "kvcache/release.h"

namespace [[gnu::visibility("default")]] kvcache {

/// A prompt cache ready to be written.
struct Encoded {
  std::vector<NamedTensor> tensors;   ///< layer by layer
  Metadata metadata;                  ///< of the file: the layers' and the user's
  std::vector<std::string> warnings;  ///< losses that the target era's own writer would incur as well
};

/// What may be left out, where an era cannot hold it.
struct EncodeOptions {
  bool drop_model_state = false;  ///< the state of a Swift vision model
  bool drop_unset_slots = false;  ///< trailing slots of recurrent layers that are not set
};

/// What a file of `era` holds for this cache, layer by layer; arrays of less than a page come last, so that large ones stay on
/// boundaries of pages where their sizes allow it. Throws Error(impossible), naming the layer, the reason and the way out, for
/// what the era cannot say or its own loader could not restore; Error(usage) for an era that is never written.
[[nodiscard]] Encoded encode(const PromptCache& cache, Era era, const EncodeOptions& options = {});

/// The same for releases: what they have not, or have as the only ones, counts.
[[nodiscard]] Encoded encode(const PromptCache& cache, const Target& target, const EncodeOptions& options = {});

/// As encode(), for a cache that comes from `source`. Where that is of the format of `target` already, nothing changes but what
/// was edited: recurrent layers keep their class name, which a conversion chooses by what the target's models ask for. A file
/// with layers that are not understood (OpaqueCache) stays as it is, but for the user metadata: no other era can hold them.
[[nodiscard]] Encoded encode_edited(const PromptCache& cache, const Document& source, const Target& target,
                                    const EncodeOptions& options = {});

/// The era in which an edited document is written: the newest it could have been written by that can be written at all, so that
/// an edit never changes the format. Throws Error(impossible) when there is none.
[[nodiscard]] Era era_to_keep(const Document& document);

}  // namespace kvcache
