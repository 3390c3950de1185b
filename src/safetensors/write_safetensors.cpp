#include "kvcache/safetensors.h"
#include "platform/output_file.h"
#include "safetensors/data_pass.h"
#include "safetensors/gzip_writer.h"
#include "safetensors/progress.h"

namespace kvcache {

std::uint64_t write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                                const WriteOptions& options) {
  using namespace detail;
  const std::string header = render_header(tensors, metadata);
  std::uint64_t data_bytes = 0;
  for (const NamedTensor& named : tensors) data_bytes += named.tensor.nbytes();
  ProgressMeter progress(options.progress, data_bytes);

  OutputFile out(path,
                 {.overwrite = options.overwrite, .private_mode = options.private_mode, .keep_mode_of = options.keep_mode_of});
  std::uint64_t size = header.size() + data_bytes;
  if (options.gzip) {
    size = write_gzip(out.file(), header, tensors, progress);
  } else {
    out.file().preallocate(size);
    out.file().pwrite_all(0, std::as_bytes(std::span(header)));
    write_data(out.file(), header.size(), tensors, options.threads, progress);
  }
  out.commit();
  return size;
}

}  // namespace kvcache
