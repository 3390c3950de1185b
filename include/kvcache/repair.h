// Repairs: what of a damaged cache has exactly one answer.
#pragma once

#include <string>
#include <vector>

#include "kvcache/finding.h"
#include "kvcache/format.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Something that is put right.
struct Repair {
  std::string code;     ///< of the finding that goes
  Where where;          ///< as Finding::where
  std::string message;  ///< what becomes of it and why: "offset 9 becomes 23, as the other layers have it"; printable
};

/// A finding with several answers: which is right, nothing in the file tells.
struct Undecided {
  std::string code;                  ///< of the finding
  Where where;                       ///< as Finding::where
  std::string message;               ///< of the finding
  std::vector<std::string> choices;  ///< the answers, printable
};

/// What repair() has done, and what is left.
struct RepairPlan {
  std::vector<Repair> repairs;       ///< in the order of the file: container, metadata, layers
  std::vector<Undecided> undecided;  ///< left as they were
  Findings left;                     ///< what check() finds afterwards, the undecided ones included
  bool layers_changed = false;       ///< not only the container: layers are to be encoded anew
};

/// Puts right in memory whatever has exactly one answer, by what the file itself says elsewhere: the arrays, the other layers,
/// the stamp. Never reads tensor data, never changes what is sound. Nothing is written: see encode_repaired().
[[nodiscard]] RepairPlan repair(Document& document);

/// An error is left, or a finding that several answers would remove: nobody should take the result for a repaired file.
[[nodiscard]] bool is_repaired(const RepairPlan& plan);

/// What the repaired document becomes in a file: where only the container was at fault, every array and every entry of the
/// metadata as they are, whatever the layout; else as encode_edited() in the format that the document has.
[[nodiscard]] Encoded encode_repaired(const Document& document, const RepairPlan& plan);

}  // namespace kvcache
