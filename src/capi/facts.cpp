// Hot facts as structures.
#include <fmt/format.h>

#include "capi/answers.h"
#include "capi/call.h"
#include "kvcache/caches.h"

namespace kvcache::capi {
namespace {

std::int64_t or_absent(const std::optional<std::int64_t>& value) {
  return value.value_or(KVCACHE_ABSENT);
}

kvcache_layer_facts layer_facts(const Facts& facts, const Cache& cache, std::size_t arrays) {
  kvcache_layer_facts out = {};
  out.class_name = facts.class_name.c_str();
  out.tokens = or_absent(facts.tokens);
  out.rows = or_absent(facts.rows);
  out.batch = or_absent(facts.batch);
  out.kv_heads = or_absent(facts.kv_heads);
  out.key_dim = or_absent(facts.key_dim);
  out.value_dim = or_absent(facts.value_dim);
  out.keep = or_absent(facts.keep);
  out.max_size = or_absent(facts.max_size);
  out.idx = or_absent(facts.idx);
  out.wrapped = facts.wrapped ? std::int64_t{*facts.wrapped} : KVCACHE_ABSENT;
  out.bits = or_absent(facts.bits);
  out.group_size = or_absent(facts.group_size);
  out.chunk_size = or_absent(facts.chunk_size);
  out.start_position = or_absent(facts.start_position);
  const auto* const recurrent = as<ArraysCache>(cache);
  out.slots = recurrent == nullptr ? KVCACHE_ABSENT : static_cast<std::int64_t>(recurrent->state().slots.size());
  const auto* const windows = as<BatchRotatingKVCache>(cache);
  out.total = windows == nullptr ? KVCACHE_ABSENT : windows->state().total;
  out.rotated = windows == nullptr ? KVCACHE_ABSENT : std::int64_t{windows->state().rotated};
  out.bytes = facts.bytes;
  out.padding_bytes = facts.padding_bytes;
  out.children = facts.children.size();
  out.arrays = arrays;
  out.dtype = facts.dtype ? static_cast<kvcache_dtype>(*facts.dtype) : KVCACHE_DTYPE_NONE;
  out.trimmable = facts.trimmable ? 1 : 0;
  out.empty = facts.empty ? 1 : 0;
  return out;
}

struct Place {
  const Facts* facts;
  const Cache* cache;
};

Place place_at(const kvcache_cache& cache, const size_t* path, size_t depth) {
  if (depth == 0) throw Error(ErrorKind::usage, "depth is 0: which layer is not given");
  const std::vector<Facts>* among = &facts_of(cache);
  const auto* caches = &cache.document.cache.layers;
  Place at{};
  for (std::size_t i = 0; i < depth; ++i) {
    const std::size_t index = (&wanted(path, "path"))[i];
    if (index >= among->size())
      throw Error(ErrorKind::usage, i == 0 ? fmt::format("there is no layer {}: the cache has {}", index, among->size())
                                           : fmt::format("layer {} has no child {}", path[0], index));
    at = {&(*among)[index], (*caches)[index].get()};
    among = &at.facts->children;
    if (const auto* list = as<CacheList>(*at.cache)) caches = &list->children();
  }
  return at;
}

}  // namespace
}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_cache_facts(const kvcache_cache* cache, kvcache_facts* facts, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    kvcache_facts out = {};
    out.path = of.document.file.path().c_str();
    const Dialect* const format = format_of(of);
    out.format = format == nullptr ? nullptr : format->id.data();  // a literal, which ends in NUL
    out.file_bytes = of.file_bytes;
    out.tokens = token_count(of.document.cache);
    out.trimmable = 1;
    const std::vector<Facts>& layers = facts_of(of);
    for (const Facts& layer : layers) {
      out.bytes += layer.bytes;
      out.padding_bytes += layer.padding_bytes;
      if (!layer.trimmable) out.trimmable = 0;
    }
    out.layers = layers.size();
    out.gzip = of.gzip ? 1 : 0;
    out.edited = of.edited ? 1 : 0;
    put(facts, out, "facts");
  });
}

kvcache_status kvcache_layer_at(const kvcache_cache* cache, const size_t* path, size_t depth, kvcache_layer_facts* facts,
                                kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Place at = place_at(of, path, depth);
    put(facts, layer_facts(*at.facts, *at.cache, depth == 1 ? arrays_of(of, path[0]).size() : 0), "facts");
  });
}

kvcache_status kvcache_layers(const kvcache_cache* cache, kvcache_layer_facts* facts, size_t capacity, size_t* count,
                              kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const std::vector<Facts>& layers = facts_of(of);
    put_number(count, layers.size());
    if (capacity == 0 || layers.empty()) return;
    // A program of another version has elements of another size.
    const std::size_t size = wanted(facts, "facts").struct_size;
    if (size < sizeof facts->struct_size) refuse_size("facts");
    auto* const bytes = reinterpret_cast<std::byte*>(facts);
    for (std::size_t i = 0; i < layers.size() && i < capacity; ++i)
      put(static_cast<void*>(bytes + i * size), layer_facts(layers[i], *of.document.cache.layers[i], arrays_of(of, i).size()),
          size);
  });
}

kvcache_status kvcache_layer_integers(const kvcache_cache* cache, const size_t* path, size_t depth, kvcache_integers which,
                                      int64_t* values, size_t capacity, size_t* count, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Facts& at = *place_at(of, path, depth).facts;
    if (which != KVCACHE_LEFT_PADDING && which != KVCACHE_OFFSETS && which != KVCACHE_LENGTHS)
      throw Error(ErrorKind::usage, fmt::format("{} names no integers of a layer", static_cast<int>(which)));
    const auto& numbers = which == KVCACHE_LEFT_PADDING ? at.left_padding : which == KVCACHE_OFFSETS ? at.offsets : at.lengths;
    const std::size_t n = numbers ? numbers->size() : 0;
    if (capacity != 0 && n != 0) std::copy_n(numbers->begin(), std::min(n, capacity), &wanted(values, "values"));
    put_number(count, n);
  });
}

size_t kvcache_metadata_count(const kvcache_cache* cache) {
  return cache == nullptr ? 0 : cache->document.cache.metadata.size();
}

kvcache_status kvcache_metadata_at(const kvcache_cache* cache, size_t index, const char** key, size_t* key_length,
                                   const char** value, size_t* value_length, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const auto& metadata = of.document.cache.metadata;
    if (index >= metadata.size())
      throw Error(ErrorKind::usage, fmt::format("there is no metadata {}: the cache has {}", index, metadata.size()));
    const auto at = std::next(metadata.begin(), static_cast<std::ptrdiff_t>(index));
    if (key != nullptr) *key = at->first.c_str();
    put_number(key_length, at->first.size());
    if (value != nullptr) *value = at->second.c_str();
    put_number(value_length, at->second.size());
  });
}

kvcache_status kvcache_metadata_get(const kvcache_cache* cache, const char* key, const char** value, size_t* value_length,
                                    kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const auto at = of.document.cache.metadata.find(text(key, "key"));
    const bool found = at != of.document.cache.metadata.end();
    wanted(value, "value") = found ? at->second.c_str() : nullptr;
    put_number(value_length, found ? at->second.size() : 0);
  });
}

kvcache_status kvcache_loads_in(const kvcache_cache* cache, const char* target, kvcache_verdict* verdict,
                                kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Verdict& found = verdict_of(of, text(target, "target"));
    kvcache_verdict out = {};
    out.ok = found.of.ok ? 1 : 0;
    out.reason = found.of.reason.c_str();
    out.fix = found.fix.c_str();
    put(verdict, out, "verdict");
  });
}

kvcache_status kvcache_finding_count(const kvcache_cache* cache, size_t* count, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    wanted(count, "count") = findings_of(of).size();
  });
}

kvcache_status kvcache_finding_at(const kvcache_cache* cache, size_t index, kvcache_finding* finding, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Findings& findings = findings_of(of);
    if (index >= findings.size())
      throw Error(ErrorKind::usage, fmt::format("there is no finding {}: the cache has {}", index, findings.size()));
    const Finding& at = findings[index];
    kvcache_finding out = {};
    out.severity = at.severity == Severity::error     ? KVCACHE_ERROR
                   : at.severity == Severity::warning ? KVCACHE_WARNING
                                                      : KVCACHE_INFO;
    out.code = at.code.c_str();
    out.where = of.answers.places[index].c_str();
    out.key = at.key.c_str();
    out.message = at.message.c_str();
    out.hint = of.answers.hints[index].c_str();
    put(finding, out, "finding");
  });
}
