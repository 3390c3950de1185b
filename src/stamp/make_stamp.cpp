#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "stamp/stamp_draft.h"
#include "stamp/stamped_prompt.h"

namespace kvcache {
namespace {

Remedy renew() {
  return Remedy("if it was changed on purpose, ") + Remedy(Remedy::Action::unset_metadata, {{"kvcache_stamp", ""}}) +
         " removes the old stamp";
}

void check_prompt(const PromptCache& cache, const Stamp& stamp) {
  if (!stamp.tokens && !stamp.text) return;
  if (const std::int64_t n = detail::sequences(cache); n > 1)
    throw Error(ErrorKind::impossible, fmt::format("it is a batch of {} sequences, a stamp holds one prompt", n),
                Remedy(Remedy::Action::extract_all) + " makes a file of each, which can be stamped");
  const auto tokens = detail::counted_tokens(cache);
  if (stamp.tokens && tokens && stamp.tokens->count != static_cast<std::uint64_t>(*tokens))
    throw Error(ErrorKind::impossible, fmt::format("{} token ids, but the cache holds {} tokens", stamp.tokens->count, *tokens),
                "give the ids of exactly the tokens that were processed");
}

// A new stamp would vouch for data that the old one knows to be damaged.
void check_earlier(const Stamp& earlier, const Stamp& stamp) {
  if (!earlier.crc32) return;
  for (const auto& [key, before] : *earlier.crc32) {
    const auto now = stamp.crc32->find(key);
    if (now == stamp.crc32->end())
      throw Error(ErrorKind::impossible,
                  fmt::format("array {} is in the stamp that it has, but not in the file", printable(key)), renew());
    if (now->second != before)
      throw Error(
          Error(ErrorKind::impossible,
                fmt::format("array {} has CRC-32 {:08x}, but {:08x} in the stamp that it has: it was damaged or changed",
                            printable(key), now->second, before),
                renew())
              .at_key(key));
  }
}

}  // namespace

detail::StampDraft detail::draft_stamp(const PromptCache& cache, const Encoded& encoded, const StampRequest& request) {
  StampDraft draft;
  try {
    draft.earlier = find_stamp(cache).value_or(Stamp());
  } catch (const Error&) {
    draft.earlier = {};  // nothing in it could be kept
  }
  Stamp& stamp = draft.stamp = draft.earlier;
  stamp.time = request.time;
  stamp.tool = request.tool;
  if (!request.model_sha256.empty()) {
    stamp.model_sha256 = request.model_sha256;
    stamp.model_type = request.model_type;
  }
  if (request.token_ids) stamp.tokens = stamp_tokens(*request.token_ids);
  if (request.text) stamp.text = request.text;
  check_prompt(cache, stamp);
  stamp.crc32.emplace();
  for (const NamedTensor& named : encoded.tensors) stamp.crc32->insert_or_assign(named.key, 0);
  return draft;
}

void detail::finish(StampDraft& draft, std::map<std::string, std::uint32_t> checksums) {
  draft.stamp.crc32 = std::move(checksums);
  check_earlier(draft.earlier, draft.stamp);
}

Stamp make_stamp(const PromptCache& cache, const Encoded& encoded, const StampRequest& request) {
  detail::StampDraft draft = detail::draft_stamp(cache, encoded, request);
  detail::finish(draft, checksums(encoded.tensors, request.threads, request.progress, request.stop));
  return std::move(draft.stamp);
}

}  // namespace kvcache
