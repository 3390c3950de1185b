// What classes are called in files: by the reference, and by the aliases of other runtimes and of older releases.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "kvcache/cache.h"

namespace kvcache::detail {

/// The reference's name of a class ("RotatingKVCache"); empty for what could not be decoded.
[[nodiscard]] std::string_view class_name_of(CacheKind kind) noexcept;
/// The class that files mean by a name, compared byte by byte; nothing for a name that no runtime known here has.
[[nodiscard]] std::optional<CacheKind> kind_of_class(std::string_view name) noexcept;
/// The reference's name of a class by any of its names; a name that is not known here as it is.
[[nodiscard]] std::string_view canonical_class(std::string_view name) noexcept;
/// A KVCache that mlx-lm calls ConcatenateKVCache: it has no offset of its own.
[[nodiscard]] bool is_concatenate(std::string_view name) noexcept;
[[nodiscard]] bool is_concatenate(const Cache& cache) noexcept;
/// MambaCache is an ArraysCache of two slots by another name.
inline constexpr std::size_t mamba_slots = 2;

}  // namespace kvcache::detail
