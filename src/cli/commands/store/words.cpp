// Entries, labels and namespaces of a store, for completion.
#include <fmt/format.h>

#include <map>

#include "cli/commands/store/store.h"
#include "cli/docs/stored_words.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "kvcache/fleet.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

std::vector<StoredWord> words_of(StoredKind kind, const std::string& folder, const std::string& begin) {
  std::vector<StoredWord> out;
  const std::string place = folder.empty() ? store::default_store() : folder;
  if (fleet::is_address(place)) return out;
  const store::Store from = store::Store::open(place, {false, true});
  std::map<std::string, std::string> models;
  for (const store::Namespace& space : from.index().namespaces()) {
    models[space.name] = printable(space.identity.name, 40);
    if (kind == StoredKind::space) out.push_back({short_id(space.name), models[space.name]});
  }
  if (kind == StoredKind::space) return out;
  std::map<std::string, std::uint64_t> labels;
  for (const store::Entry& entry : from.index().entries({})) {
    if (kind == StoredKind::label) {
      // What a terminal would show otherwise than it is cannot be typed either.
      if (!entry.label.empty() && printable(entry.label, entry.label.size()) == entry.label) ++labels[entry.label];
      continue;
    }
    if (!entry.id.starts_with(begin)) continue;
    out.push_back({begin.size() > short_id(entry.id).size() ? entry.id : short_id(entry.id),
                   fmt::format("{}, {} {}", count_of(static_cast<std::uint64_t>(entry.tokens), "token"), models[entry.space],
                               printable(entry.label, 40))});
  }
  for (const auto& [label, entries] : labels)
    out.push_back({label, entries == 1 ? "1 entry" : fmt::format("{} entries", entries)});
  return out;
}

}  // namespace

std::vector<StoredWord> stored_words(StoredKind kind, const std::string& folder, const std::string& begin) noexcept {
  try {
    return words_of(kind, folder, begin);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace kvcache::cli
