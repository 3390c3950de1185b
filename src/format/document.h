// What the decoders of all file layouts (file_layout.h) do with a document.
#pragma once

#include "format/sections/decoder.h"
#include "kvcache/format.h"

namespace kvcache::detail {

/// Take a Swift vision model's state out of the user metadata and strip the prefix of the classes. Reports KV491.
void decode_model_state(Document& document, Layout& layout);

/// Append one decoded layer to a document.
void add_layer(Document& document, std::string class_text, LayerOutput output);

/// Tell chunked layers the true offset, which only a sibling knows.
void share_true_offset(PromptCache& cache);

/// Intersect the eras of all layers; reports KV302, KV503 and KV711.
void detect_eras(Document& document, const std::vector<bool>& unused);

/// Model state is Swift's newest era's alone. Reports KV503 where a layer is of another.
void narrow_by_model_state(Document& document);

/// KV206 for user metadata with control characters.
void check_control_characters(const Document& document, Findings& findings);

/// A layer takes about a kilobyte once it is decoded; the largest models have a few hundred.
inline constexpr std::size_t max_layers = 16'384;
/// Throws Error(unreadable), KV103, for more.
void check_layer_count(std::size_t layers);

}  // namespace kvcache::detail
