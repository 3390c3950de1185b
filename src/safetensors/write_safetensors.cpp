#include "kvcache/safetensors.h"

#include <algorithm>

#include "platform/file.h"
#include "platform/output_file.h"
#include "platform/stop.h"
#include "safetensors/data_pass.h"
#include "safetensors/gzip_writer.h"
#include "safetensors/progress.h"

namespace kvcache {
namespace {

/// Copies the first `size` bytes of a file to standard output.
void send(const detail::File& from, std::uint64_t size) {
  constexpr std::uint64_t step = 256U << 10U;
  const detail::File out = detail::File::standard_output();
  std::vector<std::byte> buffer(std::min(step, size));
  for (std::uint64_t at = 0; at < size; at += step) {
    detail::throw_if_stopped();
    const auto part = std::span(buffer).first(std::min(step, size - at));
    from.pread_all(at, part);
    out.write_all(part);
  }
}

using namespace detail;

std::uint64_t write_file(const std::string& path, const std::string& header, const std::vector<NamedTensor>& tensors,
                         const WriteOptions& options) {
  std::uint64_t data_bytes = 0;
  for (const NamedTensor& named : tensors) data_bytes += named.tensor.nbytes();
  ProgressMeter progress(options.progress, data_bytes);

  const auto write = [&](const File& file) {
    if (options.gzip) return write_gzip(file, header, tensors, progress);
    const std::uint64_t size = header.size() + data_bytes;
    file.preallocate(size);
    file.pwrite_all(0, std::as_bytes(std::span(header)));
    write_data(file, header.size(), tensors, options.threads, progress);
    return size;
  };
  if (path == "-") {
    const File spooled = File::temporary();
    const std::uint64_t size = write(spooled);
    send(spooled, size);
    return size;
  }
  OutputFile out(path,
                 {.overwrite = options.overwrite, .private_mode = options.private_mode, .keep_mode_of = options.keep_mode_of});
  const std::uint64_t size = write(out.file());
  out.commit();
  return size;
}

}  // namespace

std::uint64_t write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                                const WriteOptions& options) {
  return write_file(path, render_header(tensors, metadata), tensors, options);
}

std::uint64_t copy_safetensors(const std::string& path, const SafetensorsFile& file, const WriteOptions& options) {
  std::string header(file.header().data_begin, '\0');
  file.source()->read_at(0, std::as_writable_bytes(std::span(header)));
  // What follows as arrays of bytes, each within the dimension that an array may have.
  std::vector<NamedTensor> rest;
  const std::uint64_t end = file.header().file_bytes;
  for (std::uint64_t begin = header.size(); begin < end;) {
    const std::uint64_t bytes = std::min<std::uint64_t>(end - begin, std::uint64_t{1} << 30U);
    rest.push_back({{}, Tensor::stored(file.source(), begin, Dtype::U8, {static_cast<std::int64_t>(bytes)})});
    begin += bytes;
  }
  return write_file(path, header, rest, options);
}

}  // namespace kvcache
