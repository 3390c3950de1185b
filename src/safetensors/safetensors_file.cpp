#include "kvcache/safetensors.h"
#include "platform/stop.h"
#include "safetensors/file_source.h"
#include "safetensors/input_stream.h"
#include "safetensors/spool.h"

namespace kvcache {

std::atomic<int>& stop_requested() noexcept {
  return detail::stop_flag();
}

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  using namespace detail;
  const bool standard_input = path == "-";
  File file = standard_input ? File::standard_input() : File::open_input(path);

  SafetensorsFile out;
  out.path_ = path;
  RawStream raw(file);
  out.gzip_ = raw.begins_with_gzip();
  if (out.gzip_) {
    out.source_ = spool(*gunzip(raw), true);
  } else if (standard_input) {
    out.source_ = spool(raw, false);
  }
  if (out.source_ != nullptr) {
    out.disk_bytes_ = raw.consumed();
  } else {
    out.disk_bytes_ = file.size();
    out.source_ = std::make_shared<FileSource>(std::move(file), out.disk_bytes_);
  }
  out.header_ = std::make_shared<Header>(parse_header(*out.source_));
  return out;
}

Tensor SafetensorsFile::tensor(const TensorEntry& entry) const {
  return Tensor::stored(source_, header_->data_begin + entry.begin, entry.dtype, entry.shape);
}

}  // namespace kvcache
