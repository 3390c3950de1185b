// `put --check`: whether what is stored of some tokens is what a cache has of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kvcache/safetensors.h"
#include "kvcache/store/objects.h"
#include "store/object_file.h"

namespace kvcache::store::detail {

/// What a put would not store, as there is an object of it already.
struct Known {
  ObjectContents ours;    ///< what it would store
  Digest node;            ///< whose object of that group it is
  std::int64_t rows = 0;  ///< rows of the object, of which ours are the first; not of a state
};

/// A digest of `known.ours` where the object holds other values, compared by checksums. Nothing where it holds the same, or has
/// gone meanwhile. Throws Error(unreadable) where it is damaged.
[[nodiscard]] std::optional<std::string> difference(const Objects& objects, const Known& known, const WriteOptions& how);

}  // namespace kvcache::store::detail
