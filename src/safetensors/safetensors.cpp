#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <utility>

#include "kvcache/error.h"
#include "kvcache/safetensors.h"
#include "platform/file_source.h"
#include "safetensors/file_kind.h"
#include "safetensors/input_stream.h"
#include "safetensors/spool.h"
#include "safetensors/start_source.h"
#include "tensor/stored_arrays.h"

namespace kvcache {
namespace {

// What most headers end before: for a source that answers slowly, one answer instead of three.
constexpr std::uint64_t start_bytes = 64U << 10U;

Header parse_header_or_name_kind(const ByteSource& source) {
  try {
    return parse_header(source);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
    std::string start(std::min<std::uint64_t>(source.size(), detail::file_kind_bytes), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(start)));
    detail::throw_naming_kind(error, start);
  }
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  detail::File file = detail::File::open_input_or_pipe(path);
  if (file.is_pipe()) return spooled(file, path);
  const std::uint64_t size = file.size_when_opened();
  SafetensorsFile out = open(std::make_shared<detail::FileSource>(std::move(file), size), path);
  out.named_ = true;
  return out;
}

SafetensorsFile SafetensorsFile::open(std::shared_ptr<const ByteSource> source, std::string label) {
  return open(std::move(source), std::move(label), nullptr);
}

SafetensorsFile SafetensorsFile::open(std::shared_ptr<const ByteSource> source, std::string label, StartOf start_of) {
  if (!source) throw Error(ErrorKind::usage, "a file needs a source");
  SafetensorsFile out;
  out.path_ = label.empty() ? source->label() : std::move(label);
  out.disk_bytes_ = source->size();
  source->will_need(std::array{ByteRange{0, std::min(start_bytes, out.disk_bytes_)}});
  const detail::StartSource start(*source);
  out.gzip_ = detail::begins_with_gzip(start);
  out.source_ = source;
  if (out.gzip_) {
    out.source_ = start_of == nullptr ? nullptr : start_of(source);
    if (!out.source_) {
      source->will_need(std::array{ByteRange{0, out.disk_bytes_}});
      detail::SourceStream raw(*source);
      out.source_ = detail::spool(*detail::gunzip(raw), true);
    }
  }
  out.set_header(parse_header_or_name_kind(out.gzip_ ? *out.source_ : start));
  return out;
}

SafetensorsFile SafetensorsFile::open_stream(int descriptor, const std::string& label) {
  return spooled(detail::File::borrowed(descriptor, label), label);
}

SafetensorsFile SafetensorsFile::spooled(const detail::File& file, const std::string& label) {
  SafetensorsFile out;
  out.path_ = label;
  detail::RawStream raw(file);
  out.gzip_ = raw.begins_with_gzip();
  out.source_ = out.gzip_ ? detail::spool(*detail::gunzip(raw), true) : detail::spool(raw, false);
  out.disk_bytes_ = raw.consumed();
  out.set_header(parse_header_or_name_kind(*out.source_));
  return out;
}

void SafetensorsFile::set_header(Header header) {
  auto arrays = std::make_shared<detail::StoredArrays>(source_, header.tensors.size());
  for (std::size_t i = 0; i < header.tensors.size(); ++i) arrays->place(i, header.data_begin + header.tensors[i].begin);
  arrays_ = std::move(arrays);
  header_ = std::make_shared<Header>(std::move(header));
}

Tensor SafetensorsFile::tensor(const TensorEntry& entry) const {
  const std::span<const TensorEntry> entries = header_->tensors;
  const std::less<const TensorEntry*> before;
  // That its range lies in the file and has its size was checked when the header was parsed.
  if (!before(&entry, entries.data()) && before(&entry, entries.data() + entries.size()))
    return detail::StoredArrays::tensor(arrays_, static_cast<std::size_t>(&entry - entries.data()), entry.dtype, entry.shape);
  return Tensor::stored(source_, header_->data_begin + entry.begin, entry.dtype, entry.shape);
}

}  // namespace kvcache
