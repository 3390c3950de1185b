// The pieces of `kvcache inspect`.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "documents/overview.h"
#include "kvcache/format.h"
#include "kvcache/stats.h"

namespace kvcache::cli {

/// What text output shows instead of the overview.
struct InspectSections {
  bool layers = false;
  bool tensors = false;
  bool metadata = false;
  bool stats = false;  ///< below the others, by inspect_stats()
};

using documents::Overview;
using documents::overview_of;

[[nodiscard]] std::string inspect_text(const Context& context, const Document& document, const InspectSections& sections);

/// The table of --stats.
[[nodiscard]] std::string inspect_stats(const Context& context, const CacheStats& stats);

/// Rows of the overview: {"format", "mlx-lm@0.31"}...; who can load it and what is wrong are not among them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> overview_rows(const Document& document);
/// One layer as cells: class, tokens, "B×H×D", dtype, size, notes.
[[nodiscard]] std::vector<std::string> layer_cells(const Facts& facts, bool decoded);
/// What is remarkable about the values of an array, or empty.
[[nodiscard]] std::string stats_notes(const ArrayStats& stats);

/// Of a wrapped window: its rows lie in the order of time, as `unrotate` leaves them.
[[nodiscard]] bool is_in_order(const Facts& facts);

/// Sections of inspect_text(), each a table.
[[nodiscard]] std::string inspect_layers(const Context& context, const Document& document);
[[nodiscard]] std::string inspect_tensors(const Context& context, const Document& document);
[[nodiscard]] std::string inspect_metadata(const Context& context, const Document& document);

/// A window that will drop a token with the next one, and has dropped none: runtimes cannot trim it, a KVCache of its rows they
/// can.
[[nodiscard]] bool is_full_window(const Facts& facts);

/// "RotatingKVCache window 1024", "CacheList (ArraysCache, KVCache)": what layers are grouped by.
[[nodiscard]] std::string layer_kind(const Facts& facts);
/// "BF16", "4 bits in groups of 64", or empty.
[[nodiscard]] std::string element_kind(const Facts& facts);

/// "mlx-lm 0.28 to 0.31, mlxrs 0.1": formats by the releases that began them. What was in no release is left out where releases
/// of its runtime are among them.
[[nodiscard]] std::string format_names(const std::vector<const Dialect*>& formats);
[[nodiscard]] std::string format_names(EraSet eras);
/// Rows of the overview about runtimes: {"loads in", ...}, {"not in", "mlx-lm 0.19: why"}...
[[nodiscard]] std::vector<std::vector<std::string>> loading_rows(const Document& document, const Findings& findings);

}  // namespace kvcache::cli
