#include "analysis/relation.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace kvcache::detail {
namespace {

bool values_agree(const Comparison& comparison) {
  return std::ranges::all_of(comparison.layers, [](const LayerDifference& layer) {
    return std::ranges::all_of(layer.values, [](const ValueDifference& v) { return v.differing == 0 && v.why_not.empty(); });
  });
}

std::optional<std::int64_t> first_differing(const Comparison& comparison) {
  std::optional<std::int64_t> first;
  for (const LayerDifference& layer : comparison.layers)
    for (const ValueDifference& v : layer.values) {
      if (v.sequence) return std::nullopt;
      if (v.differing > 0 && v.first_token && (!first || *v.first_token < *first)) first = v.first_token;
    }
  return first;
}

}  // namespace

Relation relation_of(const PromptCache& a, const PromptCache& b, const Comparison& comparison) {
  Relation out;
  out.first_differing = first_differing(comparison);
  if (comparison.equal()) {
    out.kind = Relation::Kind::same;
    return out;
  }
  // Every layer has to end at the same two tokens: a draft model's, or a window's, may not.
  const std::int64_t tokens_a = token_count(a);
  const std::int64_t tokens_b = token_count(b);
  const bool only_length = std::ranges::all_of(comparison.differences, [&](const Difference& d) {
    return d.what == "tokens" && d.a == std::to_string(tokens_a) && d.b == std::to_string(tokens_b);
  });
  const auto all_layers = static_cast<std::size_t>(std::ranges::count_if(
      comparison.differences, [](const Difference& d) { return d.where.layer() && d.where.children().empty(); }));
  if (!only_length || tokens_a == tokens_b || all_layers != a.layers.size() || !values_agree(comparison)) return out;
  out.kind = tokens_a > tokens_b ? Relation::Kind::beginning : Relation::Kind::more;
  out.common = std::min(tokens_a, tokens_b);
  out.further = std::abs(tokens_a - tokens_b);
  return out;
}

const char* name_of(Relation::Kind kind) noexcept {
  switch (kind) {
    case Relation::Kind::same:
      return "same";
    case Relation::Kind::beginning:
      return "beginning";
    case Relation::Kind::more:
      return "more";
    case Relation::Kind::other:
      break;
  }
  return "other";
}

}  // namespace kvcache::detail
