#include "platform/text_file.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "platform/file.h"

namespace kvcache::detail {

std::string read_text_file(const std::string& path, const TextLimit& limit) {
  // In steps, as a file under /proc says that it has no bytes, and one that grows has more than it said.
  constexpr std::uint64_t step = 64U << 10U;
  const File file = File::open_input_or_pipe(path);
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
