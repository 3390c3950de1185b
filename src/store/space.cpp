#include "store/space.h"

#include <nlohmann/json.hpp>

#include "common/hex.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/sha256.h"
#include "store/canonical.h"

namespace kvcache::store::detail {
namespace {

using Json = nlohmann::json;
using kvcache::detail::from_hex;
using kvcache::detail::to_hex;

[[noreturn]] void unreadable() {
  throw Error(ErrorKind::unreadable, "what it says about itself is not readable");
}

}  // namespace

Digest space_name(const Digest& identity, std::string_view layout, std::string_view salt) {
  std::string text = domain("namespace") + from_hex(identity) + from_hex(sha256(layout));
  if (!salt.empty()) text += from_hex(sha256(domain("salt").append(salt)));
  return sha256(text);
}

std::string facets_of(const PromptCache& cache) {
  Json leaves = Json::array();
  for (const Cache* leaf : leaves_of(cache)) {
    Json one = Json::object();
    visit(*leaf, PerClass{[&](const KVCache& plain) {
                            if (plain.state().alias != KVCache::State().alias) one["alias"] = plain.state().alias;
                          },
                          [&](const ArraysCache& arrays) {
                            if (arrays.state().mamba) one["mamba"] = true;
                          },
                          [&](const RotatingKVCache& window) {
                            if (window.state().origin) one["origin"] = *window.state().origin;
                          },
                          [](const OneOf<QuantizedKVCache, ChunkedKVCache, CacheList, BatchKVCache, BatchRotatingKVCache,
                                         TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) {}});
    leaves.push_back(std::move(one));
  }
  return ascii({{"leaves", std::move(leaves)}});
}

void apply_facets(const std::string& facets, std::vector<std::unique_ptr<Cache>>& leaves) {
  const Json parsed = Json::parse(facets, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("leaves") || parsed["leaves"].size() != leaves.size()) return;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Json& one = parsed["leaves"][i];
    using Leaf = std::unique_ptr<Cache>;
    Leaf changed = visit(
        *leaves[i],
        PerClass{[&](const KVCache& plain) -> Leaf {
                   if (!one.contains("alias")) return nullptr;
                   KVCache::State state = plain.state();
                   state.alias = one["alias"];
                   return std::make_unique<KVCache>(std::move(state));
                 },
                 [&](const ArraysCache& arrays) -> Leaf {
                   ArraysCache::State state = arrays.state();
                   state.mamba = one.contains("mamba");
                   return std::make_unique<ArraysCache>(std::move(state));
                 },
                 [&](const RotatingKVCache& window) -> Leaf {
                   if (!one.contains("origin")) return nullptr;
                   RotatingKVCache::State state = window.state();
                   state.origin = one["origin"].get<std::string>();
                   return std::make_unique<RotatingKVCache>(std::move(state));
                 },
                 [](const OneOf<QuantizedKVCache, ChunkedKVCache, CacheList, BatchKVCache, BatchRotatingKVCache,
                                TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) -> Leaf { return nullptr; }});
    if (changed != nullptr) leaves[i] = std::move(changed);
  }
}

std::string entry_label(const Entry& entry) {
  Json metadata = Json::array();
  for (const auto& [key, value] : entry.metadata) metadata.push_back({to_hex(key), to_hex(value)});
  return ascii({{"schema", "kvcache.store-entry/1"},
                {"id", entry.id},
                {"namespace", entry.space},
                {"node", entry.node},
                {"tokens", entry.tokens},
                {"held", entry.held},
                {"label", to_hex(entry.label)},
                {"pinned", entry.pinned},
                {"created", entry.created},
                {"format", entry.format},
                {"metadata", std::move(metadata)},
                {"facets", Json::parse(entry.facets)}});
}

Entry entry_from_label(const std::string& label) {
  try {
    const Json parsed = Json::parse(label);
    Entry entry;
    entry.id = parsed.at("id");
    entry.space = parsed.at("namespace");
    entry.node = parsed.at("node");
    entry.tokens = parsed.at("tokens");
    entry.held = parsed.value("held", entry.tokens);
    entry.label = from_hex(parsed.at("label").get<std::string>());
    entry.pinned = parsed.at("pinned");
    entry.created = parsed.at("created");
    entry.used = entry.created;
    entry.format = parsed.at("format");
    for (const Json& pair : parsed.at("metadata"))
      entry.metadata.emplace(from_hex(pair.at(0).get<std::string>()), from_hex(pair.at(1).get<std::string>()));
    entry.facets = parsed.at("facets").dump();
    return entry;
  } catch (const Json::exception&) {
    unreadable();
  }
}

std::string space_label(const Namespace& space) {
  return ascii({{"schema", "kvcache.store-namespace/1"},
                {"name", space.name},
                {"identity", space.identity.key},
                {"model", to_hex(space.identity.name)},
                {"config", space.identity.config},
                {"weights", space.identity.weights},
                {"attributes", space.identity.attributes},
                {"layout", space.layout},
                {"salted", space.salted},
                {"state", space.state},
                {"block", space.block},
                {"created", space.created}});
}

Namespace space_from_label(const std::string& label) {
  try {
    const Json parsed = Json::parse(label);
    Namespace space;
    space.name = parsed.at("name");
    space.identity.key = parsed.at("identity");
    space.identity.name = from_hex(parsed.at("model").get<std::string>());
    space.identity.config = parsed.at("config");
    space.identity.weights = parsed.at("weights");
    space.identity.attributes = parsed.at("attributes").get<std::map<std::string, std::string>>();
    space.layout = parsed.at("layout");
    space.salted = parsed.at("salted");
    space.state = parsed.at("state");
    space.block = parsed.at("block");
    space.created = parsed.at("created");
    return space;
  } catch (const Json::exception&) {
    unreadable();
  }
}

}  // namespace kvcache::store::detail
