#include "kvcache/safetensors.h"

#include <fmt/format.h>

#include "kvcache/error.h"
#include "platform/output_file.h"
#include "platform/stop.h"
#include "safetensors/data_pass.h"
#include "safetensors/gzip_writer.h"
#include "safetensors/hints.h"
#include "safetensors/late_header.h"
#include "safetensors/progress_meter.h"

namespace kvcache {
namespace {

/// Who sees the data, and what the header is then: as long as the one that was planned.
struct LateHeader {
  detail::DataObserver* observer = nullptr;
  std::function<std::string()> header = {};
};

void write_late(ByteSink& out, const std::string& header, std::size_t planned) {
  if (header.size() != planned)
    throw Error(ErrorKind::usage, fmt::format("a header of {} bytes, where one of {} was planned", header.size(), planned));
  out.write_at(0, std::as_bytes(std::span(header)));
}

std::uint64_t write_to(ByteSink& out, const std::string& header, const std::vector<NamedTensor>& tensors,
                       const WriteOptions& options, const LateHeader& late = {}) {
  std::uint64_t data_bytes = 0;
  for (const NamedTensor& named : tensors) data_bytes += named.tensor.nbytes();
  detail::ProgressMeter progress(options.progress, data_bytes);
  std::uint64_t size = header.size() + data_bytes;
  try {
    detail::tell_sources(tensors);
    if (options.gzip) {
      size = detail::write_gzip(out, header, tensors, options.stop, progress);
    } else {
      if (out.descriptor() < 0 || !detail::mostly_holes(tensors)) out.reserve(size);
      if (!late.header) out.write_at(0, std::as_bytes(std::span(header)));
      detail::write_data(out, header.size(), tensors, options, progress, late.observer);
      if (late.header) write_late(out, late.header(), header.size());
    }
    detail::throw_if_stopped(options.stop);
    out.commit();
  } catch (...) {
    out.abort();
    throw;
  }
  return size;
}

std::uint64_t write_file(const std::string& path, const std::string& header, const std::vector<NamedTensor>& tensors,
                         const WriteOptions& options, const LateHeader& late = {}) {
  detail::OutputFile out(path, {.overwrite = options.overwrite,
                                .private_mode = options.private_mode,
                                .keep_mode_of = options.keep_mode_of,
                                .durable = options.durable});
  return write_to(out, header, tensors, options, late);
}

/// Before anything is written: what the format cannot hold is refused.
std::string header_or_abort(ByteSink& out, const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  try {
    return render_header(tensors, metadata);
  } catch (...) {
    out.abort();
    throw;
  }
}

LateHeader late_header(const std::vector<NamedTensor>& tensors, detail::DataObserver& observer,
                       const std::function<Metadata()>& metadata) {
  return {&observer, [&] { return render_header(tensors, metadata()); }};
}

}  // namespace

std::uint64_t detail::write_with_late_header(const std::string& path, const std::vector<NamedTensor>& tensors,
                                             const Metadata& like, const WriteOptions& options, DataObserver& observer,
                                             const std::function<Metadata()>& metadata) {
  if (options.gzip) throw Error(ErrorKind::usage, "what is compressed has its header first");
  return write_file(path, render_header(tensors, like), tensors, options, late_header(tensors, observer, metadata));
}

std::uint64_t detail::write_with_late_header(ByteSink& out, const std::vector<NamedTensor>& tensors, const Metadata& like,
                                             const WriteOptions& options, DataObserver& observer,
                                             const std::function<Metadata()>& metadata) {
  if (options.gzip) throw Error(ErrorKind::usage, "what is compressed has its header first");
  return write_to(out, header_or_abort(out, tensors, like), tensors, options, late_header(tensors, observer, metadata));
}

std::uint64_t write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                                const WriteOptions& options) {
  // Before there is a file: what the format cannot hold is refused.
  return write_file(path, render_header(tensors, metadata), tensors, options);
}

std::uint64_t write_safetensors(ByteSink& out, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                                const WriteOptions& options) {
  return write_to(out, header_or_abort(out, tensors, metadata), tensors, options);
}

namespace {

/// What is behind the header, as arrays of bytes, each within the dimension that an array may have.
std::vector<NamedTensor> rest_of(const SafetensorsFile& file) {
  std::vector<NamedTensor> rest;
  const std::uint64_t end = file.header().file_bytes;
  for (std::uint64_t begin = file.header().data_begin; begin < end;) {
    const std::uint64_t bytes = std::min<std::uint64_t>(end - begin, std::uint64_t{1} << 30U);
    rest.push_back({{}, Tensor::stored(file.source(), begin, Dtype::U8, {static_cast<std::int64_t>(bytes)})});
    begin += bytes;
  }
  return rest;
}

std::string header_of(const SafetensorsFile& file) {
  std::string header(file.header().data_begin, '\0');
  file.source()->read_at(0, std::as_writable_bytes(std::span(header)));
  return header;
}

}  // namespace

std::uint64_t copy_safetensors(const std::string& path, const SafetensorsFile& file, const WriteOptions& options) {
  return write_file(path, header_of(file), rest_of(file), options);
}

std::uint64_t copy_safetensors(ByteSink& out, const SafetensorsFile& file, const WriteOptions& options) {
  std::string header;
  try {
    header = header_of(file);
  } catch (...) {
    out.abort();
    throw;
  }
  return write_to(out, header, rest_of(file), options);
}

}  // namespace kvcache
