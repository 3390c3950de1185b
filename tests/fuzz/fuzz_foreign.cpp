// Any bytes as a file, an index or a sidecar of another project: whatever is in them, it is refused or read, and what is said
// about it can be printed. The last byte chooses the reader.
#include <algorithm>
#include <cstring>

#include "foreign/entry_store.h"
#include "foreign/foreign_format.h"
#include "foreign/llama_state.h"
#include "foreign/manifest.h"
#include "foreign/mlxpc_store.h"
#include "foreign/prefix_snapshot.h"
#include "foreign/slotstream_file.h"
#include "fuzz_target.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "work_folder.h"

using namespace kvcache;

const std::size_t fuzz_trailer = 1;

namespace {

bool printable_text(std::string_view text) {
  return printable(text, text.size()) == text;
}

void check_findings(const foreign::Report& report) {
  const auto codes = finding_codes();
  for (const Finding& finding : report.findings) {
    fuzz::require(std::any_of(codes.begin(), codes.end(), [&](const CodeInfo& info) { return info.code == finding.code; }),
                  "findings have codes of the table");
    fuzz::require(!finding.message.empty() && printable_text(finding.message), "messages can be printed");
  }
}

void as_place(std::string_view bytes) {
  const std::optional<foreign::Place> place = foreign::place_of(fuzz::as_file(bytes));
  if (!place) return;
  foreign::list_entries(*place, [](const foreign::Entry&) {});
  foreign::verify_place(*place, check_findings);
  foreign::Query query;
  const foreign::Restored restored = foreign::restore(*place, query);
  for (const auto& layer : restored.cache.layers) {
    static_cast<void>(layer->facts());
    static_cast<void>(layer->parts());
  }
  query.tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
  static_cast<void>(foreign::restore(*place, query));
}

void as_index(std::string_view text) {
  if (foreign::is_prefix_snapshot(text)) static_cast<void>(foreign::read_prefix_snapshot(text).folder_name());
  if (foreign::is_mlxpc_index(text)) static_cast<void>(foreign::read_mlxpc_index(text));
  for (const foreign::ManifestEntry& entry : foreign::manifest_entries(text))
    fuzz::require(entry.file.find("../") == std::string::npos && !entry.file.starts_with('/'), "names stay in their folder");
}

void as_binary(std::string_view bytes) {
  std::vector<std::byte> copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  const std::shared_ptr<const ByteSource> source = memory_source(std::move(copy));
  if (bytes.starts_with(foreign::slotstream_magic))
    static_cast<void>(foreign::damaged_payloads(*source, foreign::read_slotstream_file(*source)));
  else
    static_cast<void>(foreign::read_llama_state(*source));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text({data, size - 1});
  try {
    switch (data[size - 1] % 3) {
      case 0:
        as_place(bytes);
        break;
      case 1:
        as_index(bytes);
        break;
      default:
        as_binary(bytes);
        break;
    }
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::unreadable || error.kind() == ErrorKind::impossible,
                  "it is refused for what it is");
  }
  return 0;
}
