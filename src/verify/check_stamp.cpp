// KV801 to KV805: a file against its own stamp.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "common/codes.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "stamp/stamped_prompt.h"
#include "verify/sort.h"

namespace kvcache {
namespace {

using detail::make_finding;
using Sums = std::map<std::string, std::uint32_t>;

constexpr std::string_view changed = "copy the file again from where it was stamped, or make it again";
// Of each kind: more would only say again that this is another file.
constexpr std::size_t most = 10;

void check_names(const Document& document, const Sums& sums, Findings& findings) {
  const Header& header = document.file.header();
  std::size_t count = 0;
  const auto report = [&](const std::string& key, std::string_view what) {
    if (++count > most) return;
    findings.push_back(make_finding("KV803", {}, key, fmt::format("array {} {}", printable(key), what), std::string(changed)));
  };
  for (const auto& [key, crc] : sums)
    if (header.find(key) == nullptr) report(key, "is in the stamp, but not in the file");
  for (const TensorEntry& entry : header.tensors)
    if (!sums.contains(entry.key)) report(entry.key, "is in the file, but not in its stamp");
  if (count > most) findings.push_back(make_finding("KV803", {}, {}, fmt::format("{} more arrays of that kind", count - most)));
}

/// "layer 3" of every array that belongs to one.
std::unordered_map<std::string_view, Where> layers_by_key(const Document& document) {
  std::unordered_map<std::string_view, Where> layers;
  for (std::size_t i = 0; i < document.sources.size(); ++i)
    for (const std::size_t array : document.sources[i].arrays)
      layers.emplace(document.file.header().tensors[array].key, Where::of_layer(i));
  return layers;
}

void check_data(const Document& document, const Sums& sums, const VerifyOptions& options, Findings& findings) {
  // Arrays that share bytes are reported as such, and could make this read a file thousands of times.
  if (std::ranges::any_of(document.findings, [](const Finding& f) { return f.code == "KV118"; })) return;
  std::vector<NamedTensor> tensors;
  for (const TensorEntry& entry : document.file.header().tensors)
    if (sums.contains(entry.key)) tensors.push_back({entry.key, document.file.tensor(entry)});
  // In the order of the file: what lies behind it is read once, front to back.
  const Header& header = document.file.header();
  std::ranges::sort(tensors, {}, [&](const NamedTensor& t) { return header.find(t.key)->begin; });
  const auto layers = layers_by_key(document);
  for (const auto& [key, crc] : checksums(tensors, options.threads, options.progress, options.stop)) {
    const std::uint32_t stamped = sums.at(key);
    if (crc == stamped) continue;
    const auto layer = layers.find(key);
    findings.push_back(
        make_finding("KV802", layer == layers.end() ? Where() : layer->second, key,
                     fmt::format("array {} has CRC-32 {:08x}, but {:08x} in the stamp: its data were damaged or changed since",
                                 printable(key), crc, stamped),
                     std::string(changed)));
  }
}

void check_prompt(const Document& document, const StampTokens& tokens, Findings& findings) {
  const std::string key(stamp_key);
  if (tokens.ids) {
    const StampTokens again = stamp_tokens(*tokens.ids);
    if (again.count != tokens.count)
      findings.push_back(make_finding("KV805", Where::Part::metadata, key,
                                      fmt::format("the stamp counts {} tokens, but lists {}", tokens.count, again.count),
                                      Remedy(Remedy::Action::stamp, {{"tokens", "IDS"}}) + ", with the ids of the prompt"));
    else if (again.sha256 != tokens.sha256)
      findings.push_back(make_finding("KV805", Where::Part::metadata, key,
                                      "the token ids in the stamp do not have the digest beside them",
                                      Remedy(Remedy::Action::stamp, {{"tokens", "IDS"}}) + ", with the ids of the prompt"));
  }
  // A layer that could not be decoded tells nothing about tokens.
  const auto broken = [](const Finding& f) { return f.severity == Severity::error; };
  if (std::ranges::any_of(document.findings, broken)) return;
  const auto cached = detail::counted_tokens(document.cache);
  if (cached && tokens.count != static_cast<std::uint64_t>(*cached))
    findings.push_back(make_finding(
        "KV804", Where::Part::metadata, key,
        fmt::format("the stamp is for {} tokens, but the cache holds {}: it is not that of its prompt", tokens.count, *cached),
        Remedy(Remedy::Action::stamp, {{"tokens", "IDS"}}) + ", with the ids of the prompt that was processed"));
}

}  // namespace

Findings check_stamp(const Document& document, const VerifyOptions& options) {
  Findings findings;
  std::optional<Stamp> stamp;
  try {
    stamp = find_stamp(document.cache);
  } catch (const Error& error) {
    return {make_finding("KV801", Where::Part::metadata, std::string(stamp_key),
                         fmt::format("the stamp cannot be read: {}; nothing was compared with it", error.what()),
                         Remedy(Remedy::Action::stamp) + " replaces it")};
  }
  if (!stamp) return findings;
  if (stamp->crc32) {
    check_names(document, *stamp->crc32, findings);
    check_data(document, *stamp->crc32, options, findings);
  }
  if (stamp->tokens) check_prompt(document, *stamp->tokens, findings);
  detail::sort_findings(findings);
  return findings;
}

}  // namespace kvcache
