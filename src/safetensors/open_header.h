// Opening a file for what its header says.
#pragma once

#include <optional>
#include <string>

#include "kvcache/safetensors.h"
#include "platform/file_times.h"

namespace kvcache::detail {

struct OpenedHeader {
  SafetensorsFile file;
  std::optional<FileTimes> times;  ///< nothing of what came through a pipe
};

/// As SafetensorsFile::open() of a file's name, but of a compressed file only the header is decompressed, and the rest when
/// something in it is asked for: of 10,000 files that are listed nothing is. Then damage behind the header stays unseen, unless
/// the file was cut off. `is_regular`: as for File::open_input().
[[nodiscard]] OpenedHeader open_header(const std::string& path, bool is_regular = false);

}  // namespace kvcache::detail
