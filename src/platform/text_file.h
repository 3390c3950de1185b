// Files of text that are read whole.
#pragma once

#include <cstdint>
#include <string>

#include "kvcache/error.h"
#include "platform/file.h"

namespace kvcache::detail {

/// How long a file of its kind may be, and how a longer one is refused.
struct TextLimit {
  std::uint64_t bytes;  ///< MiB in whole numbers: the message says them
  ErrorKind kind;
  std::string hint;
};

/// What is in a regular file or comes through a pipe, never more than `limit.bytes` of it in memory. Throws Error(io, code
/// KV100) as File::open_input_or_pipe() and File::read_some() do, and Error(limit.kind) for a longer file.
[[nodiscard]] std::string read_text_file(const std::string& path, const TextLimit& limit);
/// The same of what a file has from where it was read up to.
[[nodiscard]] std::string read_text_file(const File& file, const TextLimit& limit);

}  // namespace kvcache::detail
