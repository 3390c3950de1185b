// Do the tensors tile the data section? Strict readers demand it, MLX does not look.
#include <algorithm>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "common/quote.h"
#include "safetensors/parse_header.h"

namespace kvcache::detail {
namespace {

std::string range(const TensorEntry& entry) {
  return fmt::format("{} ({}..{})", in_quotes(entry.key), entry.begin, entry.end);
}

// Of many defects of one kind only the first is described: a header may have a million.
std::string further(std::size_t count) {
  return count > 1 ? fmt::format("; {} more like it", count - 1) : "";
}

}  // namespace

Findings check_tiling(const Header& header) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& entry : header.tensors) {
    if (entry.nbytes() > 0) order.push_back(&entry);  // an empty range lies nowhere
  }
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::tuple(a->begin, a->end, a) < std::tuple(b->begin, b->end, b);  // equal ranges by key
  });

  Finding overlap{"KV118",
                  Severity::error,
                  Where::Part::header,
                  {},
                  {},
                  "write the file again from its source: one of them has lost its data"};
  Finding hole{
      "KV119", Severity::warning, Where::Part::header, {}, {}, Remedy(Remedy::Action::repair) + " writes it without holes"};
  std::size_t overlaps = 0;
  std::size_t holes = 0;
  std::uint64_t hole_bytes = 0;
  const TensorEntry* last = nullptr;  // the one that reaches furthest until now
  for (const TensorEntry* entry : order) {
    const std::uint64_t end = last != nullptr ? last->end : 0;
    if (entry->begin < end && overlaps++ == 0) {
      overlap.key = entry->key;
      overlap.message = fmt::format("tensors {} and {} share bytes", range(*last), range(*entry));
    }
    if (entry->begin > end) {
      hole_bytes += entry->begin - end;
      if (holes++ == 0) {
        hole.key = entry->key;
        hole.message =
            fmt::format("bytes {}..{} before tensor {} belong to no tensor", end, entry->begin, in_quotes(entry->key));
      }
    }
    if (entry->end > end) last = entry;
  }

  Findings findings;
  if (overlaps > 0) {
    overlap.message += further(overlaps);
    // Whose place was taken lies unused now: no defects of their own.
    return {overlap};
  }
  if (holes > 0) {
    hole.message +=
        fmt::format("{}; {} bytes unused in all: MLX reads the file, strict readers refuse it", further(holes), hole_bytes);
    findings.push_back(hole);
  }
  const std::uint64_t data_end = header.data_begin + (last != nullptr ? last->end : 0);
  if (data_end < header.file_bytes) {
    findings.push_back(
        {"KV120",
         Severity::warning,
         Where::Part::header,
         {},
         fmt::format("{} the last tensor: MLX reads the file, strict readers refuse it",
                     header.file_bytes - data_end == 1 ? "1 byte follows"
                                                       : fmt::format("{} bytes follow", header.file_bytes - data_end)),
         Remedy(Remedy::Action::repair) + " writes it without them"});
  }
  return findings;
}

}  // namespace kvcache::detail
