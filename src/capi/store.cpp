// The prefix store.
#include "kvcache/store.h"

#include <fmt/format.h>

#include "capi/answers.h"
#include "capi/call.h"
#include "capi/sources.h"

struct kvcache_store {
  explicit kvcache_store(kvcache::store::Store opened) : store(std::move(opened)) {}
  kvcache::store::Store store;
  std::mutex mutex;  // a store is for one thread at a time
};

struct kvcache_match {
  kvcache_match_facts facts = {};
  std::string entry;
  std::string reason;
  std::string format;
  std::vector<std::string> warnings;
};

namespace kvcache::capi {
namespace {

/// The tokens of a cache's own stamp.
store::TokenIds stamped_tokens(const Document& document) {
  const auto stamp = find_stamp(document.cache);
  if (!stamp || !stamp->tokens || !stamp->tokens->ids)
    throw Error(ErrorKind::usage, "the cache has no stamp that tells its token ids", "give the tokens");
  return *stamp->tokens->ids;
}

store::Prompt prompt_of(const kvcache_prompt& asked, store::TokenIds tokens) {
  if ((asked.model == nullptr) == (asked.identity == nullptr))
    throw Error(ErrorKind::usage, asked.model == nullptr ? "whose cache is not given" : "model and identity exclude each other",
                "model is the model's folder, identity a text that changes with it");
  store::Prompt prompt;
  prompt.tokens = std::move(tokens);
  prompt.identity = asked.model != nullptr ? store::identity_of_model(asked.model, text_or_empty(asked.adapter))
                                           : store::identity_of_text(asked.identity);
  prompt.salt = text_or_empty(asked.salt);
  return prompt;
}

store::TokenIds tokens_of(const kvcache_prompt& asked) {
  if (asked.tokens == nullptr && asked.token_count != 0) throw Error(ErrorKind::usage, "prompt.tokens is NULL");
  return {asked.tokens, asked.tokens + asked.token_count};
}

store::Query query_of(const kvcache_prompt* prompt, const kvcache_query_options* options) {
  const kvcache_prompt asked = given(&wanted(prompt, "prompt"), "prompt");
  const kvcache_query_options how = given(options, "options");
  if (how.leave < 0 || how.min_tokens < 0) throw Error(ErrorKind::usage, "leave and min_tokens are no negative numbers");
  store::Query query;
  query.prompt = prompt_of(asked, tokens_of(asked));
  if (how.leave != 0) query.leave = how.leave;
  if (how.leave_none != 0) query.leave = 0;
  if (how.min_tokens != 0) query.min_tokens = how.min_tokens;
  query.exact = how.exact != 0;
  return query;
}

void give(kvcache_match** match, std::unique_ptr<kvcache_match> found) {
  if (match == nullptr) return;
  found->facts.entry = found->entry.c_str();
  found->facts.reason = found->reason.c_str();
  found->facts.format = found->format.c_str();
  found->facts.warnings = found->warnings.size();
  *match = found.release();
}

std::unique_ptr<kvcache_match> match_of(store::Match found) {
  auto out = std::make_unique<kvcache_match>();
  out->facts.query = found.query;
  out->facts.matched = found.matched;
  out->facts.resume_at = found.resume_at;
  out->facts.blocks = found.blocks;
  out->facts.bytes = found.bytes;
  out->entry = std::move(found.entry);
  out->reason = std::move(found.reason);
  out->format = std::move(found.format);
  out->warnings = std::move(found.warnings);
  return out;
}

}  // namespace
}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_store_open(const char* path, kvcache_store** store, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(store, "store") = nullptr;
    call.subject = path == nullptr ? store::default_store() : path;
    *store = std::make_unique<kvcache_store>(store::Store::open(call.subject)).release();
  });
}

void kvcache_store_close(kvcache_store* store) {
  delete store;
}

void kvcache_match_free(kvcache_match* match) {
  delete match;
}

kvcache_status kvcache_match_get(const kvcache_match* match, kvcache_match_facts* facts, kvcache_error** error) {
  return calling(error, [&](Call&) { put(facts, wanted(match, "match").facts, "facts"); });
}

const char* kvcache_match_warning(const kvcache_match* match, size_t index) {
  return match == nullptr || index >= match->warnings.size() ? nullptr : match->warnings[index].c_str();
}

kvcache_status kvcache_store_put(kvcache_store* store, const kvcache_cache* cache, const kvcache_prompt* prompt,
                                 const kvcache_put_options* options, const kvcache_work* work, kvcache_match** match,
                                 kvcache_error** error) {
  return calling(error, [&](Call& call) {
    if (match != nullptr) *match = nullptr;
    kvcache_store& into = wanted(store, "store");
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const kvcache_prompt asked = given(&wanted(prompt, "prompt"), "prompt");
    const kvcache_put_options how = given(options, "options");
    const Document& document = as_saved(of);
    require_sound(document);
    const store::Prompt whose = prompt_of(asked, asked.tokens == nullptr ? stamped_tokens(document) : tokens_of(asked));
    store::PutOptions put_options;
    put_options.label = text_or_empty(how.label);
    put_options.pin = how.pin != 0;
    put_options.check = how.check != 0;
    Work at_work = work_of(work);
    put_options.how.threads = at_work.threads;
    put_options.how.progress = std::move(at_work.progress);
    put_options.how.stop = at_work.stop;
    const std::lock_guard lock(into.mutex);
    store::Put done = into.store.put(document, whose, put_options);
    auto out = std::make_unique<kvcache_match>();
    out->facts.query = done.entry.tokens;
    out->facts.matched = done.entry.tokens;
    out->facts.resume_at = done.entry.held;
    out->facts.blocks = done.blocks;
    out->facts.new_blocks = done.new_blocks;
    out->facts.bytes = done.bytes;
    out->facts.evicted = done.evicted;
    out->entry = std::move(done.entry.id);
    out->format = std::move(done.entry.format);
    out->warnings = std::move(done.warnings);
    give(match, std::move(out));
  });
}

kvcache_status kvcache_store_probe(kvcache_store* store, const kvcache_prompt* prompt, const kvcache_query_options* options,
                                   kvcache_match** match, kvcache_error** error) {
  return calling(error, [&](Call&) -> kvcache_status {
    if (match != nullptr) *match = nullptr;
    kvcache_store& in = wanted(store, "store");
    const store::Query query = query_of(prompt, options);
    const std::lock_guard lock(in.mutex);
    store::Match found = in.store.probe(query);
    const bool hit = found.hit();
    give(match, match_of(std::move(found)));
    return hit ? KVCACHE_OK : KVCACHE_MISS;
  });
}

kvcache_status kvcache_store_get(kvcache_store* store, const kvcache_prompt* prompt, const kvcache_query_options* options,
                                 kvcache_cache** cache, kvcache_match** match, kvcache_error** error) {
  return calling(error, [&](Call& call) -> kvcache_status {
    wanted(cache, "cache") = nullptr;
    if (match != nullptr) *match = nullptr;
    kvcache_store& in = wanted(store, "store");
    const store::Query query = query_of(prompt, options);
    const std::lock_guard lock(in.mutex);
    store::Got got = in.store.get(query);
    auto found = match_of(std::move(got.match));
    if (found->facts.resume_at == 0) {
      give(match, std::move(found));
      return KVCACHE_MISS;
    }
    call.subject = fmt::format("entry {}", found->entry.substr(0, 12));
    Encoded file = store::encode_got(got);
    auto out = std::make_unique<kvcache_cache>(
        decode(SafetensorsFile::open(unwritten_source(std::move(file), call.subject, std::move(got.hold)))));
    if (got.format != nullptr) out->target = Target(got.format->era);
    give(match, std::move(found));
    *cache = out.release();
    return KVCACHE_OK;
  });
}
