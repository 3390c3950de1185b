// Objects that lie elsewhere, with a folder as a read-through cache in front of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kvcache/store/objects.h"

namespace kvcache::fleet {

/// What is read beyond its first 64 KiB is brought into `folder` whole, and read from there as long as it is the same object:
/// of the same size and the same first bytes, in which are the checksums and the time of all. `most`: bytes that the folder
/// may take, about; what was brought first goes first. Where the folder is full or broken, the object is read from where it
/// lies.
[[nodiscard]] std::unique_ptr<store::Objects> cached_objects(std::unique_ptr<store::Objects> far, const std::string& folder,
                                                             std::uint64_t most);

}  // namespace kvcache::fleet
