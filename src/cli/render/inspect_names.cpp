// Names of kinds of layers and of formats, in the words of people.
#include <fmt/format.h>

#include <algorithm>

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

// Runtimes that people have: those of formats that are written today by a release, and the file's own.
std::vector<const Dialect*> runtimes(const Document& document) {
  std::vector<const Dialect*> out;
  for (const Dialect& d : dialects())
    if (d.writable && (d.released || &d == document.format)) out.push_back(&d);
  return out;
}

// Where no release restores the file: a main branch may, or have done so.
std::string loads_in_no_release(const Document& document, const Findings& findings) {
  std::vector<const Dialect*> loading;
  for (const Dialect& d : dialects())
    if (d.writable && !d.released && !refusal(document, d.era, findings)) loading.push_back(&d);
  return loading.empty() ? "no runtime" : "no release, only " + format_names(loading);
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
  const auto listed = [&](const Dialect& d) { return std::ranges::find(formats, d.era, &Dialect::era) != formats.end(); };
  std::string out;
  for (const Family family : {Family::mlx_lm, Family::mlxrs, Family::mlx_swift_lm}) {
    // What was in no release is named where nothing else of its runtime is.
    const bool released = std::ranges::any_of(formats, [&](const Dialect* d) { return d->family == family && d->released; });
    std::string spans;
    const Dialect* first = nullptr;
    const Dialect* last = nullptr;
    const auto close = [&] {
      if (first == nullptr) return;
      spans += fmt::format("{}{}", spans.empty() ? "" : ", ", version_of(*first));
      if (last != first) spans += fmt::format(" to {}", version_of(*last));
      first = nullptr;
    };
    std::string_view name;
    for (const Dialect& d : dialects()) {
      if (d.family != family || (released && !d.released)) continue;
      name = family_of(d);
      if (!listed(d)) {
        close();
        continue;
      }
      if (first == nullptr) first = &d;
      last = &d;
    }
    close();
    if (!spans.empty()) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, spans);
  }
  return out;
}

std::string format_names(EraSet eras) {
  std::vector<const Dialect*> formats;
  for (const Dialect& d : dialects())
    if (eras.has(d.era)) formats.push_back(&d);
  return format_names(formats);
}

std::vector<std::vector<std::string>> loading_rows(const Document& document, const Findings& findings) {
  std::vector<const Dialect*> loading;
  // Refusals by reason, in the order of formats: most reasons hold for several.
  std::vector<std::pair<std::string, std::vector<const Dialect*>>> refusals;
  for (const Dialect* d : runtimes(document)) {
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
  rows.push_back({"loads in", loading.empty() ? loads_in_no_release(document, findings) : format_names(loading)});
  for (const auto& [reason, formats] : refusals)
    rows.push_back({rows.size() == 1 ? "not in" : "", fmt::format("{}: {}", format_names(formats), reason)});
  return rows;
}

}  // namespace kvcache::cli
