// Editing: a file read, its cache changed, and written in the format that it was read from, or in another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/encode.h"
#include "kvcache/stamp.h"

namespace [[gnu::visibility("default")]] kvcache {

/// read_document() for operations: throws Error(impossible) with the first error finding, except those that rewriting repairs
/// (a chunked layer that loaders misread, KV432).
[[nodiscard]] Document read_sound_document(const std::string& path);
/// The same check for a document that was read by other means.
void require_sound(const Document& document);
/// That of read_intact_document().
void require_intact(const Document& document);

/// read_sound_document() for what needs no layer understood: comparing, and changing user metadata. Takes unknown layouts too.
[[nodiscard]] Document read_intact_document(const std::string& path);

/// A prompt cache that was written.
struct Saved {
  std::uint64_t bytes = 0;            ///< of the file
  std::vector<std::string> warnings;  ///< as in Encoded
  CarriedStamp stamp;                 ///< what is left of it
};

/// encode_edited(), carry_stamp() and write_safetensors() in one: the cache of a document, edited or not, into a file of its
/// format. Throws what they throw, and leaves no file behind then. Everything lazy is computed now, in one streaming pass;
/// `how.progress` is told about it. Another format: `target`.
Saved save_document(const std::string& path, const Document& document, const std::optional<Target>& target = {},
                    const WriteOptions& how = {}, const EncodeOptions& options = {});
/// The same into any sink, which is aborted when anything throws.
Saved save_document(ByteSink& out, const Document& document, const std::optional<Target>& target = {},
                    const WriteOptions& how = {}, const EncodeOptions& options = {});

}  // namespace kvcache
