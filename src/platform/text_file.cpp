#include "platform/text_file.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace kvcache::detail {

std::string read_text_file(const std::string& path, const TextLimit& limit) {
  return read_text_file(File::open_input_or_pipe(path), limit);
}

std::string read_text_file(const File& file, const TextLimit& limit) {
  // In steps, as a file under /proc says that it has no bytes, and one that grows has more than it said.
  constexpr std::uint64_t step = 64U << 10U;
  std::string text;
  for (;;) {
    const std::size_t have = text.size();
    text.resize(have + std::min(step, limit.bytes + 1 - have));
    const std::size_t n = file.read_some(std::as_writable_bytes(std::span(text)).subspan(have));
    text.resize(have + n);
    if (n == 0) return text;
    if (text.size() > limit.bytes) throw Error(limit.kind, fmt::format("more than {} MiB", limit.bytes >> 20U), limit.hint);
  }
}

}  // namespace kvcache::detail
