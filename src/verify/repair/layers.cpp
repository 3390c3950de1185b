// Fields of layers. For each finding the rules of the class judge what it could have been: an answer cures the finding and
// causes no other one, and no other layer contradicts it. Exactly one is a repair.
#include "verify/repair/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cache/map_layers.h"
#include "format/document.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "stamp/stamped_prompt.h"
#include "verify/repair/options.h"

namespace kvcache::detail {
namespace {

/// mlx-lm reads every text of `rotated` as True; in a full ring that is in order, True says the same.
bool could_be_rotated(const Place& place) {
  const auto* const cache = place.as<BatchRotatingKVCache>();
  if (cache == nullptr || cache->empty() || place.source->eras == EraSet{Era::P5}) return false;
  const auto& s = cache->state();
  return !s.rotated && s.idx == s.max_size && rows_in(s.keys) == s.max_size;
}

Findings findings_of(const Place& place) {
  Findings findings;
  check_class(place, findings);
  if (findings.empty() && could_be_rotated(place))
    findings.push_back(make_finding("KV701", place.where, {}, "rotated is False, which mlx-lm takes for True"));
  return findings;
}

void add_stamped_tokens(const Document& document, Votes& votes) {
  try {
    const auto stamp = find_stamp(document.cache);
    if (stamp && stamp->tokens && sequences(document.cache) == 1)
      votes.add(static_cast<std::int64_t>(std::min<std::uint64_t>(stamp->tokens->count, max_dim)), "the stamp");
  } catch (const Error&) {
    // It says nothing then (KV801).
  }
}

Examination examine(const Document& document) {
  Examination all;
  for (Place& place : places(document)) {
    Findings findings;
    if (place.sound && place.as<CacheList>() == nullptr) findings = findings_of(place);
    all.places.push_back({std::move(place), std::move(findings)});
  }
  for (const Examined& e : all.places) {
    if (!e.is_witness()) continue;
    if (const auto offset = token_offset(e.place)) all.offsets.add(*offset, e.place.where.text());
    if (const auto* const turbo = e.place.as<TurboQuantKVCache>()) all.offsets.add(turbo->state().offset, e.place.where.text());
  }
  add_stamped_tokens(document, all.offsets);
  return all;
}

Options options_for(const Place& place, std::string_view code, const Examination& all) {
  return visit(*place.cache,
               PerClass{[&](const QuantizedKVCache&) { return options_for_quantized(place, code, all); },
                        [&](const TurboQuantKVCache&) { return options_for_turbo(place, code, all); },
                        [&](const RotatingKVCache&) { return options_for_rotating(place, code, all); },
                        [&](const ChunkedKVCache&) { return options_for_chunked(place, code, all); },
                        [&](const BatchKVCache&) { return options_for_batch(place, code, all); },
                        [&](const BatchRotatingKVCache&) { return options_for_batch_rotating(place, code, all); },
                        [](const OneOf<KVCache, ArraysCache, CacheList, VarianceNormalizedKVCache, OpaqueCache> auto&) {
                          return Options();
                        }});
}

/// The finding is gone, and nothing has come instead.
bool cures(const Option& option, const Examined& patient, std::string_view code, const Examination& all) {
  Place place = patient.place;
  place.cache = option.cache.get();
  // Places stay those of the arrays in the file, so that no rule needs to find the new ones.
  const Findings after = findings_of(place);
  const auto known = [&](const Finding& f) {
    return f.code != code && std::ranges::any_of(patient.findings, [&](const Finding& b) { return b.code == f.code; });
  };
  if (!std::ranges::all_of(after, [&](const Finding& f) { return known(f) || f.code == "KV701"; })) return false;
  const auto offset = after.empty() ? token_offset(place) : std::nullopt;
  return !offset || token_offset(patient.place) == offset || !all.offsets.contradict(*offset);
}

/// What has one answer is in `option`, what has several in `undecided`, and what has none in neither.
struct Decision {
  std::optional<Option> option;
  std::optional<Undecided> undecided;
};

Decision decide(const Examined& patient, const Finding& finding, const Examination& all) {
  Options options = options_for(patient.place, finding.code, all);
  std::vector<Option> answers;
  for (Option& option : options.list)
    if (cures(option, patient, finding.code, all)) answers.push_back(std::move(option));
  const auto is_backed = [](const Option& o) { return o.backed; };
  if (std::ranges::count_if(answers, is_backed) == 1)
    return {.option = *std::ranges::find_if(answers, is_backed), .undecided = {}};
  if (answers.size() == 1 && options.more.empty()) return {.option = answers.front(), .undecided = {}};
  if (answers.empty() && options.more.empty()) return {};
  Undecided undecided{finding.code, finding.where, finding.message, {}};
  for (const Option& answer : answers) undecided.choices.push_back(fmt::format("{}: {}", answer.what, answer.because));
  for (std::string& more : options.more) undecided.choices.push_back(std::move(more));
  return {.option = {}, .undecided = std::move(undecided)};
}

}  // namespace

void repair_layers(Document& document, RepairPlan& plan) {
  const std::size_t undecided_before = plan.undecided.size();
  // What one layer has learnt, another may learn from it.
  for (bool changed = true; changed;) {
    changed = false;
    plan.undecided.resize(undecided_before);
    const Examination all = examine(document);
    std::map<const Cache*, const Option*> answers;
    std::vector<Decision> decisions;
    decisions.reserve(all.places.size());
    for (const Examined& patient : all.places) {
      for (const Finding& finding : patient.findings) {
        Decision decision = decide(patient, finding, all);
        if (decision.undecided) plan.undecided.push_back(std::move(*decision.undecided));
        if (!decision.option) continue;
        plan.repairs.push_back(
            {finding.code, finding.where, fmt::format("{}, {}", decision.option->what, decision.option->because)});
        decisions.push_back(std::move(decision));
        answers.emplace(patient.place.cache, &*decisions.back().option);
        break;  // the next finding of this layer sees what has become of it
      }
    }
    if (answers.empty()) break;
    map_layers(document.cache, [&](const std::string&, const Cache& layer) -> std::unique_ptr<Cache> {
      const auto answer = answers.find(&layer);
      return answer == answers.end() ? nullptr : answer->second->cache->copy();
    });
    share_true_offset(document.cache);
    plan.layers_changed = changed = true;
  }
}

}  // namespace kvcache::detail
