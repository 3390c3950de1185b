// How a file arranges the arrays and metadata of its layers. Eras differ in details (dialects/era.h); a layout is what they
// share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "format/dialects/era.h"
#include "kvcache/encode.h"

namespace kvcache::detail {

/// What a layout makes a file of.
struct EncodeRequest {
  const PromptCache& cache;
  const EraTraits& traits;
  std::string_view target;  ///< what messages call the era or release
  const EncodeOptions& options;
  std::optional<Era> from;  ///< the era that the cache was read from, where it was
};

struct FileLayout {
  LayoutName name;
  /// What the keys of user metadata begin with.
  std::string_view user_prefix;
  /// Whether a header is laid out so; the first in the list that says yes decodes the file.
  bool (*recognises)(const Header& header);
  /// Layers, user metadata, model state and eras of an open file. Reports what is wrong; throws Error(unreadable) where nothing
  /// can be made of it.
  void (*decode)(Document& document);
  /// Throws Error(impossible) for what the era cannot say. nullptr: never written.
  Encoded (*encode)(const EncodeRequest& request);
};

/// Whether a file may be laid out so, by the eras that could have written it.
[[nodiscard]] bool may_be_laid_out_as(LayoutName name, const Document& document) noexcept;

/// All of them, in the order in which they are tried.
[[nodiscard]] std::span<const FileLayout> file_layouts() noexcept;
/// That of an era's files.
[[nodiscard]] const FileLayout& file_layout(LayoutName name) noexcept;

// One each, in its folder.

/// Classes under "2.i".
[[nodiscard]] bool has_class_section(const Header& header);
void decode_sections(Document& document);
[[nodiscard]] Encoded encode_sections(const EncodeRequest& request);

/// mlx-lm 0.32: section 2 is a table, and section 1 holds the classes.
[[nodiscard]] bool is_leaf_table(const Header& header);
/// Throws Error(unreadable, KV122) for an empty list of caches.
void decode_leaf_table(Document& document);
[[nodiscard]] Encoded encode_leaf_table(const EncodeRequest& request);

/// "0_keys": tensors of mlx-lm 0.18, before there were classes.
[[nodiscard]] bool has_named_tensors(const Header& header);
[[nodiscard]] bool is_layer_name(std::string_view key);
void decode_named_tensors(Document& document);

}  // namespace kvcache::detail
