#include "capi/answers.h"

#include <fmt/format.h>

#include "capi/sources.h"
#include "documents/hint.h"
#include "kvcache/error.h"

namespace kvcache::capi {
namespace {

// Those below are called with the mutex held.

const Document& saved_document(const kvcache_cache& cache) {
  if (!cache.edited) return cache.document;
  auto& made = cache.answers.as_saved;
  if (made == nullptr) {
    Encoded file = encoded(cache);
    carry_stamp(cache.document, cache.document.cache, file);
    const std::string& path = cache.document.file.path();
    made = std::make_unique<const Document>(decode(SafetensorsFile::open(unwritten_source(std::move(file), path))));
  }
  return *made;
}

const Findings& all_findings(const kvcache_cache& cache) {
  auto& findings = cache.answers.findings;
  if (!findings) {
    findings = check(saved_document(cache));
    for (const Finding& finding : *findings) {
      cache.answers.places.push_back(finding.where.text());
      cache.answers.hints.push_back(documents::hint_of(finding.remedy, cache.document.file.path()));
    }
  }
  return *findings;
}

}  // namespace

const std::vector<Facts>& facts_of(const kvcache_cache& cache) {
  const std::lock_guard lock(cache.mutex);
  auto& facts = cache.answers.facts;
  if (!facts) {
    const Document& document = cache.document;
    std::vector<Facts> all;
    all.reserve(document.cache.layers.size());
    for (std::size_t i = 0; i < document.cache.layers.size(); ++i)
      all.push_back(cache.edited ? document.cache.layers[i]->facts() : stored_facts(document, i));
    facts = std::move(all);
  }
  return *facts;
}

const std::vector<Cache::Part>& arrays_of(const kvcache_cache& cache, std::size_t layer) {
  const std::lock_guard lock(cache.mutex);
  auto& arrays = cache.answers.arrays;
  if (!arrays) {
    std::vector<std::vector<Cache::Part>> all;
    all.reserve(cache.document.cache.layers.size());
    for (const auto& one : cache.document.cache.layers) all.push_back(one->parts());
    arrays = std::move(all);
  }
  if (layer >= arrays->size())
    throw Error(ErrorKind::usage, fmt::format("there is no layer {}: the cache has {}", layer, arrays->size()));
  return (*arrays)[layer];
}

const Document& as_saved(const kvcache_cache& cache) {
  const std::lock_guard lock(cache.mutex);
  return saved_document(cache);
}

const Findings& findings_of(const kvcache_cache& cache) {
  const std::lock_guard lock(cache.mutex);
  return all_findings(cache);
}

const Verdict& verdict_of(const kvcache_cache& cache, const std::string& target) {
  const std::lock_guard lock(cache.mutex);
  auto& verdicts = cache.answers.verdicts;
  const auto known = verdicts.find(target);
  if (known != verdicts.end()) return known->second;
  const Target asked = find_target(target);
  Verdict verdict{would_load(saved_document(cache), asked, all_findings(cache)), {}};
  verdict.fix = documents::fix_of(verdict.of, cache.document.file.path());
  return verdicts.emplace(target, std::move(verdict)).first->second;
}

}  // namespace kvcache::capi
