// Opening, copying, closing.
#include "capi/call.h"
#include "capi/handles.h"
#include "capi/sources.h"
#include "kvcache/edit.h"

namespace kvcache::capi {
namespace {

kvcache_cache* opened(SafetensorsFile file) {
  return std::make_unique<kvcache_cache>(decode(std::move(file))).release();
}

}  // namespace

Document copy_of(const Document& document) {
  return {document.file, document.cache.copy(), document.sources, document.candidates, document.format, document.findings};
}

Encoded encoded(const kvcache_cache& cache) {
  const Document& document = cache.document;
  Encoded out = cache.repaired ? *cache.repaired
                               : encode_edited(document.cache, document,
                                               cache.target ? *cache.target : Target(era_to_keep(document)), cache.encoding);
  return out;
}

const Dialect* format_of(const kvcache_cache& cache) {
  if (cache.repaired) return cache.repaired_format;
  if (cache.target) return &dialect(cache.target->era());
  return cache.document.format;
}

}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_open(const char* path, kvcache_cache** cache, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(cache, "cache") = nullptr;
    call.subject = text(path, "path");
    *cache = opened(SafetensorsFile::open(call.subject));
  });
}

kvcache_status kvcache_open_memory(const void* bytes, size_t size, const char* label, kvcache_cache** cache,
                                   kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(cache, "cache") = nullptr;
    call.subject = label == nullptr ? "memory" : label;
    *cache = opened(SafetensorsFile::open(borrowed_source(bytes, size, call.subject)));
  });
}

kvcache_status kvcache_open_stream(int descriptor, const char* label, kvcache_cache** cache, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(cache, "cache") = nullptr;
    call.subject = label == nullptr ? "stream" : label;
    *cache = opened(SafetensorsFile::open_stream(descriptor, call.subject));
  });
}

kvcache_status kvcache_open_source(const kvcache_source* source, kvcache_cache** cache, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    std::shared_ptr<const ByteSource> bytes = program_source(source);
    wanted(cache, "cache") = nullptr;
    call.subject = bytes->label();
    *cache = opened(SafetensorsFile::open(std::move(bytes)));
  });
}

kvcache_status kvcache_open_arrays(const kvcache_named_array* arrays, size_t count, const char* const* metadata, size_t pairs,
                                   const char* label, kvcache_cache** cache, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(cache, "cache") = nullptr;
    call.subject = label == nullptr ? "memory" : label;
    Encoded file;
    for (std::size_t i = 0; i < count; ++i) file.tensors.push_back(borrowed_array((&wanted(arrays, "arrays"))[i]));
    for (std::size_t i = 0; i < pairs; ++i) {
      const char* const* pair = &wanted(metadata, "metadata") + 2 * i;
      file.metadata.insert_or_assign(text(pair[0], "metadata"), text(pair[1], "metadata"));
    }
    *cache = opened(SafetensorsFile::open(unwritten_source(std::move(file), call.subject)));
  });
}

kvcache_status kvcache_copy(const kvcache_cache* cache, kvcache_cache** copy, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(copy, "copy") = nullptr;
    const kvcache_cache& from = wanted(cache, "cache");
    call.subject = from.document.file.path();
    auto to = std::make_unique<kvcache_cache>(copy_of(from.document));
    to->file_bytes = from.file_bytes;
    to->gzip = from.gzip;
    to->target = from.target;
    to->encoding = from.encoding;
    to->warnings = from.warnings;
    to->edited = from.edited;
    to->checked = from.checked;
    to->repaired = from.repaired;
    to->repaired_format = from.repaired_format;
    to->as_it_is = from.as_it_is;
    *copy = to.release();
  });
}

void kvcache_close(kvcache_cache* cache) {
  delete cache;
}
