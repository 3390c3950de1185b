// encode(): the layers of a cache, its metadata and its model state as one file of an era holds them.
#include <fmt/format.h>

#include <algorithm>

#include "format/document.h"
#include "format/file_layout.h"
#include "format/user_metadata.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

Encoded encode_from(const PromptCache& cache, std::optional<Era> from, const Target& target, const EncodeOptions& options) {
  const detail::EraTraits traits = detail::traits(target);
  if (!traits.dialect.writable)
    throw Error(ErrorKind::usage, fmt::format("{} can be read but is never written", target.id()),
                Remedy("no release in use loads it: ") + Remedy(Remedy::Action::convert, {{"to", "mlx-lm"}}) +
                    " writes a newer format");
  if (cache.model_state && !traits.model_state && !options.drop_model_state)
    throw Error(ErrorKind::impossible,
                fmt::format("the file carries model state ({}), which {} cannot hold; without it positions of images are lost",
                            cache.model_state->entries.empty() ? "empty" : printable(cache.model_state->entries.front().first),
                            target.id()),
                Remedy(Remedy::Action::repeat, {{"drop_model_state", ""}}) + " leaves it out");
  if (cache.layers.size() > detail::max_layers)
    throw Error(ErrorKind::impossible,
                fmt::format("{} layers: kvcache reads no more than {}", cache.layers.size(), detail::max_layers),
                "no model has that many");
  return file_layout(traits.layout).encode({cache, traits, target.id(), options, from});
}

bool holds_unknown(const PromptCache& cache) {
  return std::ranges::any_of(cache.layers, [](const auto& layer) {
    return any_leaf(*layer, [](const Cache& leaf) { return is<OpaqueCache>(leaf); });
  });
}

/// The file of `source` with other user metadata. Nothing is decoded, so that nothing has to be understood.
Encoded with_user_metadata(const PromptCache& cache, const Document& source) {
  const Header& header = source.file.header();
  const std::string section(detail::file_layout(detail::traits(source.format->era).layout).user_prefix);
  Encoded out;
  for (const TensorEntry& entry : header.tensors) out.tensors.push_back({entry.key, source.file.tensor(entry)});
  for (const auto& [key, value] : header.metadata) {
    const bool of_user =
        key.starts_with(section) && !std::string_view(key).substr(section.size()).starts_with(detail::state_key_prefix);
    if (!of_user) out.metadata.emplace(key, value);
  }
  for (const auto& [key, value] : cache.metadata) out.metadata.emplace(section + key, value);
  return out;
}

// Between large arrays, the offsets and paddings of a batch would shift every array after them off the boundaries of pages, and
// with it all later work on the file off the fast way (platform/file.h, copy_in_kernel()).
Encoded small_arrays_last(Encoded encoded) {
  constexpr std::uint64_t page = 4096;
  std::stable_partition(encoded.tensors.begin(), encoded.tensors.end(),
                        [](const NamedTensor& named) { return named.tensor.nbytes() >= page; });
  return encoded;
}

}  // namespace

Encoded encode(const PromptCache& cache, const Target& target, const EncodeOptions& options) {
  return small_arrays_last(encode_from(cache, std::nullopt, target, options));
}

Encoded encode(const PromptCache& cache, Era era, const EncodeOptions& options) {
  return encode(cache, Target(era), options);
}

Encoded encode_edited(const PromptCache& cache, const Document& source, const Target& target, const EncodeOptions& options) {
  const auto from = source.format == nullptr ? std::nullopt : std::optional(source.format->era);
  if (from && *from == target.era() && holds_unknown(source.cache)) return with_user_metadata(cache, source);
  return small_arrays_last(encode_from(cache, from, target, options));
}

}  // namespace kvcache
