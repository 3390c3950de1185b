// Names of kinds of layers and of formats, in the words of people.
#include <fmt/format.h>

#include "cli/render/inspect.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

std::string_view family_of(const Dialect& d) {
  return d.id.substr(0, d.id.find('@'));
}
std::string_view version_of(const Dialect& d) {
  return d.id.substr(d.id.find('@') + 1);
}

// Runtimes that people have: those of formats that are written today.
std::vector<const Dialect*> runtimes() {
  std::vector<const Dialect*> out;
  for (const Dialect& d : dialects())
    if (d.writable) out.push_back(&d);
  return out;
}

}  // namespace

std::string layer_kind(const Facts& facts) {
  std::string out = printable(facts.class_name, 40);
  if (facts.max_size) out += fmt::format(" window {}", *facts.max_size);
  if (facts.keep.value_or(0) != 0) out += fmt::format(" keep {}", *facts.keep);
  if (facts.chunk_size) out += fmt::format(" chunk {}", *facts.chunk_size);
  if (facts.bits) out += fmt::format(" {}-bit", *facts.bits);
  if (facts.children.empty()) return out;
  out += " (";
  for (std::size_t i = 0; i < facts.children.size(); ++i) out += (i == 0 ? "" : ", ") + layer_kind(facts.children[i]);
  return out + ")";
}

std::string element_kind(const Facts& facts) {
  if (facts.bits && facts.group_size)
    return fmt::format("{} bits in groups of {}{}", *facts.bits, *facts.group_size,
                       facts.dtype ? fmt::format(" ({} scales)", name(*facts.dtype)) : "");
  return facts.dtype ? std::string(name(*facts.dtype)) : "";
}

std::string format_names(const std::vector<const Dialect*>& formats) {
  std::string out;
  std::string_view family;
  for (const Dialect* d : formats) {
    if (family_of(*d) == family)
      out += fmt::format(", {}", version_of(*d));
    else
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", family_of(*d), version_of(*d));
    family = family_of(*d);
  }
  return out;
}

std::vector<std::vector<std::string>> loading_rows(const Document& document, const Findings& findings) {
  std::vector<const Dialect*> loading;
  // Refusals by reason, in the order of formats: most reasons hold for several.
  std::vector<std::pair<std::string, std::vector<const Dialect*>>> refusals;
  for (const Dialect* d : runtimes()) {
    const auto reason = refusal(document, d->era, findings);
    if (!reason) {
      loading.push_back(d);
      continue;
    }
    auto same = refusals.begin();
    while (same != refusals.end() && same->first != *reason) ++same;
    if (same == refusals.end()) same = refusals.insert(same, {*reason, {}});
    same->second.push_back(d);
  }
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"loads in", loading.empty() ? "no runtime" : format_names(loading)});
  for (const auto& [reason, formats] : refusals)
    rows.push_back({rows.size() == 1 ? "not in" : "", fmt::format("{}: {}", format_names(formats), reason)});
  return rows;
}

}  // namespace kvcache::cli
