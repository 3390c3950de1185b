// Arrays: what they are, and their elements.
#include <fmt/format.h>

#include "capi/answers.h"
#include "capi/call.h"

namespace kvcache::capi {
namespace {

const Cache::Part& array_of(const kvcache_cache& cache, std::size_t layer, std::size_t index) {
  const std::vector<Cache::Part>& arrays = arrays_of(cache, layer);
  if (index >= arrays.size())
    throw Error(ErrorKind::usage,
                fmt::format("{} has no array {}: it has {}", layer_name(cache.document.cache, layer), index, arrays.size()));
  return arrays[index];
}

/// Where all bytes of an array lie in the file, one after the other.
std::int64_t offset_in(const ByteSource* file, const Tensor& tensor) {
  const std::uint64_t bytes = tensor.nbytes();
  std::int64_t begin = KVCACHE_ABSENT;
  std::uint64_t next = 0;
  bool together = true;
  tensor.visit(0, bytes, [&](const Extent& extent) {
    const bool fits =
        extent.kind == Extent::Kind::source && extent.source == file && (begin == KVCACHE_ABSENT || extent.offset == next);
    if (begin == KVCACHE_ABSENT) begin = static_cast<std::int64_t>(extent.offset);
    next = extent.offset + extent.length;
    together = together && fits;
  });
  return together ? begin : KVCACHE_ABSENT;
}

/// Elements [begin, end) of every dimension.
Tensor box_of(Tensor tensor, const int64_t* begin, const int64_t* end) {
  if (begin == nullptr && end == nullptr) return tensor;
  for (std::size_t d = 0; d < tensor.rank(); ++d) {
    const std::int64_t dim = tensor.dim(static_cast<int>(d));
    const std::int64_t from = begin == nullptr ? 0 : begin[d];
    const std::int64_t to = end == nullptr ? dim : end[d];
    if (from != 0 || to != dim) tensor = tensor.slice(static_cast<int>(d), from, to);
  }
  return tensor;
}

}  // namespace
}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_array_at(const kvcache_cache* cache, size_t layer, size_t index, kvcache_array* array,
                                kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Cache::Part& part = array_of(of, layer, index);
    kvcache_array out = {};
    out.name = part.name.c_str();
    out.source_offset = KVCACHE_ABSENT;
    out.dtype = KVCACHE_DTYPE_NONE;
    if (part.tensor.defined()) {
      out.dtype = static_cast<kvcache_dtype>(part.tensor.dtype());
      out.bytes = part.tensor.nbytes();
      out.rank = part.tensor.rank();
      std::copy(part.tensor.shape().begin(), part.tensor.shape().end(), &out.shape[0]);
      out.source_offset = offset_in(of.document.file.source().get(), part.tensor);
    }
    put(array, out, "array");
  });
}

kvcache_status kvcache_array_read(const kvcache_cache* cache, size_t layer, size_t index, const int64_t* begin,
                                  const int64_t* end, void* buffer, size_t size, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Cache::Part& part = array_of(of, layer, index);
    if (!part.tensor.defined())
      throw Error(ErrorKind::impossible, fmt::format("{}: {} is not set", layer_name(of.document.cache, layer), part.name));
    const Tensor box = box_of(part.tensor, begin, end);
    if (box.nbytes() != size)
      throw Error(ErrorKind::usage, fmt::format("a buffer of {} bytes for {} of {}, which are {}", size, to_string(box.shape()),
                                                kvcache::name(box.dtype()), box.nbytes()));
    if (size != 0) box.read(0, {static_cast<std::byte*>(&wanted(static_cast<std::byte*>(buffer), "buffer")), size});
  });
}

int32_t kvcache_descriptor(const kvcache_cache* cache) {
  if (cache == nullptr || cache->document.file.gzip()) return -1;
  return cache->document.file.source()->descriptor();
}
