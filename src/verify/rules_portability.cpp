// Which loaders treat a layer wrongly, or not at all: docs/formats.md, "Bugs of the runtimes".
#include <fmt/format.h>

#include "format/dialects/era.h"
#include "verify/rules.h"

namespace kvcache::detail {
namespace {

constexpr EraSet flat_slots{Era::P1, Era::P2, Era::P3};

/// A finding about every layer that a predicate holds for: reported once, at the first of them.
struct PortabilityRule {
  std::string_view code;
  bool (*applies)(const Place& place);
  std::string_view message;
  Remedy (*remedy)();
};

// P5 stores flags as booleans: nothing that could be misread.
bool rotated_text_is_false(const Place& place) {
  const auto* const cache = place.as<BatchRotatingKVCache>();
  return cache != nullptr && !cache->state().rotated && place.source->eras != EraSet{Era::P5};
}

bool batched_window(const Place& place) {
  return place.as<BatchRotatingKVCache>() != nullptr;
}

bool three_flat_slots(const Place& place) {
  const auto* const cache = place.as<ArraysCache>();
  return cache != nullptr && !cache->state().mamba && cache->state().slots.size() == 3 &&
         !(place.source->eras & flat_slots).none() && !place.source->eras.has(Era::P4);
}

bool nested_slots(const Place& place) {
  return place.as<ArraysCache>() != nullptr && place.source->eras.has(Era::P4) && (place.source->eras & flat_slots).none();
}

bool python_mamba(const Place& place) {
  const auto* const cache = place.as<ArraysCache>();
  return cache != nullptr && cache->state().mamba && !(place.source->eras & eras_of(Family::mlx_lm)).none();
}

bool no_chunk_size(const Place& place) {
  const auto* const cache = place.as<ChunkedKVCache>();
  return cache != nullptr && cache->state().has_no_chunk_size();
}

bool unnamed_mode(const Place& place) {
  const auto* const cache = place.as<QuantizedKVCache>();
  return cache != nullptr && cache->state().has_unnamed_mode();
}

constexpr PortabilityRule rules[] = {
    {"KV701", rotated_text_is_false,
     "rotated is False, and mlx-lm takes any text for True: it reads the rows in the wrong order",
     [] { return Remedy(Remedy::Action::extract_all) + " makes single sequences, which mlx-lm restores correctly"; }},
    {"KV702", batched_window,
     "mlx-lm loads a BatchRotatingKVCache without the fields that updates need: appending a token raises",
     [] { return Remedy(Remedy::Action::extract_all) + " makes single sequences, which can be continued"; }},
    {"KV704", three_flat_slots,
     "three slots side by side: mlx-lm of 2026-08 and later takes the second for left_padding and the third for lengths",
     [] {
       return Remedy(Remedy::Action::convert, {{"to", "mlx-lm@2026-08"}}) + ", for that version";
     }},
    {"KV705", nested_slots,
     "slots in a list of their own: mlx-lm up to 0.31.3 takes the list and two more arrays for the slots",
     [] {
       return Remedy(Remedy::Action::convert, {{"to", "mlx-lm@0.31"}}) + ", for that version";
     }},
    {"KV709", python_mamba, "class MambaCache: mlx-lm 0.30.6 and later has no such class and fails to load the file",
     [] {
       return Remedy(Remedy::Action::convert, {{"to", "mlx-lm@0.31"}}) + " makes it an ArraysCache";
     }},
    {"KV713", no_chunk_size,
     "chunk size None: mlx-lm cannot load it, or, since 0.32, raises in the next step; Swift and mlxrs can",
     [] { return Remedy(); }},
    {"KV714", unnamed_mode,
     "quantized in a mode without biases, or with U8 scales, that the file does not name: the layout is known, the values are "
     "not",
     [] { return Remedy(); }},
};

}  // namespace

void check_portability(const std::vector<Place>& places, Findings& findings) {
  for (const PortabilityRule& rule : rules) {
    const Place* first = nullptr;
    std::size_t count = 0;
    for (const Place& place : places) {
      if (!rule.applies(place)) continue;
      if (first == nullptr) first = &place;
      ++count;
    }
    if (first == nullptr) continue;
    std::string message(rule.message);
    if (count > 1) message += fmt::format(" ({} more like it)", count - 1);
    findings.push_back(make_finding(rule.code, first->where, first_key(*first), std::move(message), rule.remedy()));
  }
}

}  // namespace kvcache::detail
