// Opening a file for what its header says.
#pragma once

#include <optional>
#include <string>

#include "kvcache/safetensors.h"
#include "platform/file_times.h"

namespace kvcache::detail {

/// As SafetensorsFile::open() of a file's name, but of a compressed file only the header is decompressed, and the rest when
/// something in it is asked for: of 10,000 files that are listed nothing is. Then damage behind the header stays unseen, unless
/// the file was cut off. `is_regular`: as for File::open_input(). `times`: set as soon as the file is open, before anything is
/// read and also where its header is damaged; not of what comes through a pipe.
[[nodiscard]] SafetensorsFile open_header(const std::string& path, bool is_regular, std::optional<FileTimes>& times);

}  // namespace kvcache::detail
