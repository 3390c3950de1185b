#include "foreign/small_file.h"

#include <fmt/format.h>

#include "common/human.h"
#include "kvcache/byte_sink.h"
#include "kvcache/byte_source.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {

std::string read_small_file(const std::string& path, std::uint64_t most) {
  const std::shared_ptr<const ByteSource> source = file_source(path);
  if (source->size() > most)
    throw Error(
        ErrorKind::unreadable,
        fmt::format("{}: {} is too large, no more than {} are read of such a file", printable(path, 500),
                    detail::human_bytes(static_cast<double>(source->size())), detail::human_bytes(static_cast<double>(most))),
        Remedy(Remedy::Action::inspect, {{"file", path.substr(0, path.rfind('/'))}}) +
            " says what lies beside it, and each prompt cache among it can be named by itself");
  std::string out(static_cast<std::size_t>(source->size()), '\0');
  source->read_at(0, std::as_writable_bytes(std::span(out.data(), out.size())));
  return out;
}

void write_small_file(const std::string& path, std::string_view text, const std::string& like) {
  FileSinkOptions how;
  how.overwrite = true;
  how.keep_mode_of = like;
  const std::unique_ptr<ByteSink> sink = file_sink(path, how);
  sink->reserve(text.size());
  sink->write_at(0, std::as_bytes(std::span(text.data(), text.size())));
  sink->commit();
}

}  // namespace kvcache::foreign
