#include "store/chain.h"
#include "common/hex.h"
#include "store/canonical.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "kvcache/sha256.h"

namespace kvcache::store::detail {
namespace {

void append_u32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xFFU));
}

bool meets(const Extra& extra, std::int64_t first, std::int64_t count) {
  const std::int64_t begin = extra.position;
  const std::int64_t end = begin + std::max<std::int64_t>(extra.length, 1);
  return begin < first + count && end > first;
}

}  // namespace

Digest root_of(const Digest& space) {
  return sha256(domain("root") + kvcache::detail::from_hex(space));
}

std::vector<Extra> extras_within(std::span<const Extra> extras, std::int64_t first, std::int64_t count) {
  std::vector<Extra> out;
  for (const Extra& extra : extras)
    if (meets(extra, first, count)) out.push_back(extra);
  std::ranges::sort(out, [](const Extra& a, const Extra& b) {
    return std::tie(a.position, a.length, a.digest) < std::tie(b.position, b.length, b.digest);
  });
  return out;
}

Digest hash_of(const Digest& parent, std::span<const std::int32_t> ids, std::span<const Extra> extras, bool tail) {
  std::string text = domain(tail ? "tail" : "block") + kvcache::detail::from_hex(parent);
  text.reserve(text.size() + 4 * ids.size() + 8);
  append_u32(text, static_cast<std::uint32_t>(ids.size()));
  for (const std::int32_t id : ids) append_u32(text, static_cast<std::uint32_t>(id));
  append_u32(text, static_cast<std::uint32_t>(extras.size()));
  for (const Extra& extra : extras) {
    std::string bytes = extra.digest;
    if (extra.length != 1) append_u32(bytes, extra.length);
    append_u32(text, extra.position);
    append_u32(text, static_cast<std::uint32_t>(bytes.size()));
    text += bytes;
  }
  return sha256(text);
}

Chain chain_of(const Digest& space, std::span<const std::int32_t> ids, std::span<const Extra> extras, std::int64_t block) {
  Chain chain{root_of(space), {}, {}};
  const auto size = static_cast<std::size_t>(block);
  std::size_t at = 0;
  for (; at + size <= ids.size(); at += size)
    chain.blocks.push_back(hash_of(chain.before(chain.blocks.size()), ids.subspan(at, size),
                                   extras_within(extras, static_cast<std::int64_t>(at), block), false));
  if (const auto rest = ids.subspan(at); !rest.empty())
    chain.tail = hash_of(chain.before(chain.blocks.size()), rest,
                         extras_within(extras, static_cast<std::int64_t>(at), static_cast<std::int64_t>(rest.size())), true);
  return chain;
}

std::int64_t common_tokens(const Node& node, std::span<const std::int32_t> ids, std::span<const Extra> extras) {
  if (node.first > static_cast<std::int64_t>(ids.size())) return 0;
  const auto there = ids.subspan(static_cast<std::size_t>(node.first));
  const auto [mine, theirs] = std::ranges::mismatch(node.ids, there);
  std::int64_t common = mine - node.ids.begin();
  // What one has and the other has not, or has as another, changes everything from its place on.
  const std::vector<Extra> wanted = extras_within(extras, node.first, common);
  const auto limit_by = [&](std::span<const Extra> some, std::span<const Extra> others) {
    for (const Extra& extra : some)
      if (std::ranges::find(others, extra) == others.end())
        common = std::min(common, std::max<std::int64_t>(0, std::int64_t{extra.position} - node.first));
  };
  limit_by(node.extras, wanted);
  limit_by(wanted, node.extras);
  return common;
}

}  // namespace kvcache::store::detail
