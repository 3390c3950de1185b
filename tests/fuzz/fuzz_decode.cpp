// Any file through everything that looks at it without writing: decoder, rules, loaders' verdicts, and encoders for every era.
// Compiled once for each family of dialects, which differ in their seeds: what is mutated is what that family writes.
#include <algorithm>

#include "fuzz_target.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/verify.h"
#include "work_folder.h"

using namespace kvcache;

const std::size_t fuzz_trailer = 0;

namespace {

bool printable_text(std::string_view text) {
  return printable(text, text.size()) == text;
}

void check_finding(const Finding& finding) {
  const auto codes = finding_codes();
  fuzz::require(std::any_of(codes.begin(), codes.end(), [&](const CodeInfo& info) { return info.code == finding.code; }),
                "findings have codes of the table");
  fuzz::require(!finding.message.empty() && printable_text(finding.message), "messages can be printed");
  fuzz::require(printable_text(finding.remedy.text()), "hints can be printed");
}

void look_at(const Cache& cache) {
  static_cast<void>(cache.facts());
  static_cast<void>(cache.nbytes());
  static_cast<void>(cache.copy()->parts());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Document document;
  try {
    document = read_document(fuzz::as_file(fuzz::text({data, size})));
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::unreadable && !error.code().empty(), "every defect has a code");
    return 0;
  }
  fuzz::require(document.sources.size() == document.cache.layers.size(), "one source for each layer");
  fuzz::require((document.format == nullptr) == document.candidates.none(), "a format wherever there is a candidate");
  for (const auto& layer : document.cache.layers) look_at(*layer);

  const Findings findings = check(document);
  for (const Finding& finding : findings) check_finding(finding);
  for (const Dialect& d : dialects()) {
    static_cast<void>(would_load(document, d.era, findings));
    if (!d.writable) continue;
    try {
      const Encoded encoded = encode(document.cache, d.era);
      static_cast<void>(render_header(encoded.tensors, encoded.metadata));
    } catch (const Error& error) {
      fuzz::require(error.kind() == ErrorKind::impossible, "what cannot be encoded is impossible, nothing else");
    }
  }
  return 0;
}
