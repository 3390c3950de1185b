// Several caches become one.
#include "edit/batches.h"
#include "capi/edit.h"

namespace kvcache::capi {
namespace {

/// What joining takes over from the first: its document, with what is common to all of them.
std::vector<const Document*> joined(const std::vector<const kvcache_cache*>& caches) {
  std::vector<const Document*> documents;
  documents.reserve(caches.size());
  for (const kvcache_cache* cache : caches) documents.push_back(&cache->document);
  return documents;
}

}  // namespace
}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_merge(const kvcache_cache* const* caches, size_t count, kvcache_cache** batch, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(batch, "batch") = nullptr;
    std::vector<const kvcache_cache*> inputs;
    std::vector<const PromptCache*> contents;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
      const kvcache_cache& input = wanted((&wanted(caches, "caches"))[i], "caches");
      names.push_back(input.document.file.path());
      call.subject = names.back();
      if (input.checked != Checked::sound) require_sound(input.document);
      inputs.push_back(&input);
      contents.push_back(&input.document.cache);
    }
    call.subject.clear();
    if (inputs.empty()) throw Error(ErrorKind::usage, "a batch of no caches");
    const kvcache_cache& first = *inputs.front();
    auto out = std::make_unique<kvcache_cache>(copy_of(first.document));
    const std::vector<const Document*> documents = joined(inputs);
    out->document.candidates = detail::common_candidates(documents);
    out->target = first.target;
    out->encoding = first.encoding;
    out->checked = Checked::sound;
    require_editable(*out, Checked::sound);
    out->document.cache = merge_prompt_caches(contents, names);
    for (const kvcache_cache* input : inputs)
      out->warnings.insert(out->warnings.end(), input->warnings.begin(), input->warnings.end());
    for (auto& warning : detail::lost_pins(first.document.cache)) out->warnings.push_back(std::move(warning));
    for (auto& warning : detail::lost_metadata(documents)) out->warnings.push_back(std::move(warning));
    edited(*out);
    *batch = out.release();
  });
}

kvcache_status kvcache_extend(kvcache_cache* cache, const kvcache_cache* other, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    const kvcache_cache& by = wanted(other, "other");
    call.subject = by.document.file.path();
    if (by.checked != Checked::sound) require_sound(by.document);
    call.subject = of.document.file.path();
    require_editable(of, Checked::sound);
    const std::vector<const Document*> documents = joined({&of, &by});
    PromptCache copy = of.document.cache.copy();
    extend_prompt_cache(copy, by.document.cache, by.document.file.path());
    std::vector<std::string> warnings = of.warnings;
    warnings.insert(warnings.end(), by.warnings.begin(), by.warnings.end());
    for (auto& warning : detail::lost_metadata(documents)) warnings.push_back(std::move(warning));
    of.document.candidates = detail::common_candidates(documents);
    of.document.cache = std::move(copy);
    of.warnings = std::move(warnings);
    edited(of);
  });
}
