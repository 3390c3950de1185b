// Reading what is to be edited: it has to be sound.
#include <fmt/format.h>

#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache {

void require_sound(const Document& document) {
  const Findings findings = check(document);
  for (const Finding& finding : findings) {
    if (!prevents_editing(finding)) continue;
    const std::string place = finding.where.empty() ? "" : finding.where.text() + ": ";
    // Where nothing is damaged, verify has nothing to add.
    Remedy remedy;
    if (!only_unknown_layouts(findings)) remedy = Remedy(Remedy::Action::verify) + " lists everything";
    if (!finding.remedy.empty()) remedy += (remedy.empty() ? "" : "; ") + finding.remedy;
    throw Error(
        Error(ErrorKind::impossible, fmt::format("{}{} ({})", place, finding.message, finding.code), remedy, finding.code)
            .at_key(finding.key)
            .at(finding.where)
            .in_file(document.file.path()));
  }
}

void require_intact(const Document& document) {
  if (!only_unknown_layouts(check(document))) require_sound(document);
}

Document read_intact_document(const std::string& path) {
  Document document = read_document(path);
  require_intact(document);
  return document;
}

Document read_sound_document(const std::string& path) {
  Document document = read_document(path);
  require_sound(document);
  return document;
}

}  // namespace kvcache
