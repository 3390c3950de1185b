// Opening a file for what its header says.
#pragma once

#include <string>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// As SafetensorsFile::open() of a file's name, but of a compressed file only the header is decompressed, and the rest when
/// something in it is asked for: of 10,000 files that are listed nothing is. Then damage behind the header stays unseen, unless
/// the file was cut off.
[[nodiscard]] SafetensorsFile open_header(const std::string& path);

}  // namespace kvcache::detail
