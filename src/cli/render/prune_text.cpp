#include "cli/render/prune_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>
#include <vector>

#include "cli/terminal/style.h"
#include "cli/terminal/words.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

using catalog::PruneFile;
using catalog::PrunePlan;
using Fate = catalog::PruneFile::Fate;

constexpr std::size_t reason_limit = 500;

/// A reason without what differs from file to file: "only 3 d old" and "only 5 d old" are of one kind.
std::string kind_of(const std::string& why) {
  static constexpr std::string_view units[] = {"s", "min", "h", "d", "w", "y", "B", "kB", "MB", "GB", "TB"};
  std::istringstream words(why.substr(0, why.find(": ")));
  std::string out;
  bool after_number = false;
  for (std::string word; words >> word;) {
    if (after_number && std::find(std::begin(units), std::end(units), word) != std::end(units)) continue;
    after_number = std::isdigit(static_cast<unsigned char>(word.front())) != 0;
    out += (out.empty() ? "" : " ") + (after_number ? std::string("...") : word);
  }
  return out;
}

struct ReasonKind {
  std::size_t files = 0;
  std::string example;
  bool several = false;  ///< texts of this kind differ
};

/// "3 not broken, 1 a link", the most frequent first.
std::string kept_in_words(const std::vector<const PruneFile*>& kept) {
  constexpr std::size_t shown = 4;
  std::map<std::string, ReasonKind> kinds;
  for (const PruneFile* f : kept) {
    ReasonKind& kind = kinds[kind_of(f->why)];
    if (kind.files == 0) kind.example = f->why.substr(0, f->why.find(": "));
    kind.several = kind.several || kind.example != f->why.substr(0, f->why.find(": "));
    ++kind.files;
  }
  std::vector<std::pair<std::string, ReasonKind>> sorted(kinds.begin(), kinds.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second.files > b.second.files; });
  std::string out;
  std::size_t others = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const ReasonKind& kind = sorted[i].second;
    if (i >= shown) {
      others += kind.files;
      continue;
    }
    const std::string text = printable(kind.several ? sorted[i].first : kind.example, reason_limit);
    out += (out.empty() ? "" : ", ") + (sorted.size() == 1 ? text : fmt::format("{} {}", kind.files, text));
  }
  return others == 0 ? out : fmt::format("{}, {} for other reasons", out, others);
}

std::string others_in_words(std::size_t others) {
  if (others == 0) return {};
  return others == 1 ? "; 1 more file is no cache and left alone"
                     : fmt::format("; {} more files are no caches and left alone", others);
}

}  // namespace

PruneCounts count_pruned(const PrunePlan& plan, std::initializer_list<Fate> fates) {
  PruneCounts counts;
  for (const PruneFile& f : plan.files) {
    if (!f.file.recognised || std::find(fates.begin(), fates.end(), f.fate) == fates.end()) continue;
    ++counts.files;
    counts.bytes += f.file.bytes;
  }
  return counts;
}

std::string_view fate_name(Fate fate) {
  switch (fate) {
    case Fate::keep:
      return "keep";
    case Fate::remove:
      return "delete";
    case Fate::removed:
      return "deleted";
    case Fate::failed:
      return "failed";
    case Fate::changed:
      break;
  }
  return "left";
}

std::string prune_text(const Context& context, const PrunePlan& plan, bool carried_out) {
  const Style style(context, stdout);
  const std::size_t width = line_width(stdout);
  std::vector<const PruneFile*> kept;
  std::vector<const PruneFile*> going;
  for (const PruneFile& f : plan.files) (f.fate == Fate::keep ? kept : going).push_back(&f);
  const bool one_reason =
      going.size() > 1 && std::ranges::all_of(going, [&](const PruneFile* f) { return f->why == going.front()->why; });
  std::string out;
  const auto line = [&](const std::string& text) { out += hanging(text, width) + '\n'; };
  if (one_reason) line(fmt::format("{}:", printable(going.front()->why, reason_limit)));
  for (const PruneFile* f : going)
    line(fmt::format("{} {}{}{}", style.red(fmt::format("{:<7}", fate_name(f->fate))), style.bold(shown_path(f->file.path)),
                     f->file.recognised ? fmt::format(" ({})", size_of(f->file.bytes)) : "",
                     one_reason ? "" : ": " + printable(f->why, reason_limit)));
  if (!context.quiet) {
    if (!kept.empty()) line(fmt::format("{} {}: {}", style.dim("keep   "), count_of(kept.size(), "file"), kept_in_words(kept)));
    const PruneCounts all = count_pruned(plan, {Fate::keep, Fate::remove, Fate::removed, Fate::failed, Fate::changed});
    const PruneCounts gone = count_pruned(plan, {carried_out ? Fate::removed : Fate::remove});
    if (!plan.files.empty()) out += '\n';
    line(fmt::format("{} {} of {}, {} of {}{}", carried_out ? "deleted" : "would delete", gone.files,
                     count_of(all.files, "cache"), size_of(gone.bytes), size_of(all.bytes), others_in_words(plan.others)));
  }
  return out;
}

}  // namespace kvcache::cli
