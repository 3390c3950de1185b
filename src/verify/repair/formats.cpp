// Layers in the form of another format than the rest of the file.
//
// Every layer says what it is in a form that some runtime writes, so that nothing is in doubt but the form: it is that of the
// format in which the fewest layers have to change.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/count_of.h"
#include "format/dialects/era.h"
#include "kvcache/verify.h"
#include "verify/repair/layers.h"
#include "verify/rules.h"

namespace kvcache::detail {
namespace {

/// Layers that are in another form than this era's.
std::set<std::size_t> foreign_layers(const Document& document, Era era) {
  std::set<std::size_t> out;
  for (std::size_t i = 0; i < document.sources.size(); ++i)
    if (!document.sources[i].eras.has(era)) out.insert(i);
  return out;
}

std::string form_of(const LayerSource& source) {
  const Dialect* const newest = preferred(source.eras);
  const std::string evidence = source.evidence.empty() ? "" : ": " + source.evidence.back();
  return fmt::format("{}{}", newest == nullptr ? "that of no format" : std::string("that of ").append(newest->id), evidence);
}

}  // namespace

void repair_formats(Document& document, RepairPlan& plan) {
  const auto is_mixed = [](const Finding& f) { return f.code == "KV503"; };
  const auto mixed = std::ranges::find_if(document.findings, is_mixed);
  if (mixed == document.findings.end() || document.cache.layers.size() != document.sources.size()) return;
  // A layer that is not understood cannot be written in any form.
  const auto is_other_error = [&](const Finding& f) { return f.severity == Severity::error && !is_mixed(f); };
  if (std::ranges::any_of(document.findings, is_other_error)) return;

  EraSet possible;
  for (const Dialect& d : dialects())
    if (d.writable && traits(d.era).layout == LayoutName::sections) possible |= EraSet{d.era};
  if (document.cache.model_state) possible &= eras_where([](const EraTraits& t) { return t.model_state; });
  std::size_t fewest = document.sources.size();  // one layer at least is as it should be
  std::set<std::set<std::size_t>> answers;
  EraSet chosen;
  for (const Dialect& d : dialects()) {
    if (!possible.has(d.era)) continue;
    const std::set<std::size_t> foreign = foreign_layers(document, d.era);
    if (foreign.size() > fewest || foreign.size() == document.sources.size()) continue;
    if (foreign.size() < fewest) {
      answers.clear();
      chosen = {};
    }
    fewest = foreign.size();
    answers.insert(foreign);
    chosen |= EraSet{d.era};
  }
  if (answers.empty()) return;
  if (answers.size() > 1) {
    Undecided undecided{mixed->code, mixed->where, mixed->message, {}};
    for (const Dialect& d : dialects())
      if (chosen.has(d.era)) undecided.choices.push_back(fmt::format("all layers as {} writes them", d.id));
    plan.undecided.push_back(std::move(undecided));
    return;
  }
  document.candidates = chosen;
  document.format = preferred(chosen);
  for (const std::size_t i : *answers.begin())
    plan.repairs.push_back(
        {"KV503", Where::of_layer(i),
         fmt::format("its form, {}, becomes that of {}, as {} it", form_of(document.sources[i]), document.format->id,
                     document.sources.size() - fewest == 1
                         ? "the other layer has"
                         : fmt::format("the {} other layers have", document.sources.size() - fewest))});
  for (LayerSource& source : document.sources) source.eras = chosen;
  plan.layers_changed = true;
  drop_findings(document, "KV503");
}

}  // namespace kvcache::detail
