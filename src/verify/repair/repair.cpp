#include "kvcache/repair.h"

#include <algorithm>
#include <numeric>

#include "kvcache/verify.h"
#include "verify/repair/layers.h"
#include "verify/rules.h"

namespace kvcache {
namespace {

/// Arrays and metadata as they are, in the order of the file.
Encoded as_it_is(const SafetensorsFile& file) {
  const Header& header = file.header();
  std::vector<std::size_t> order(header.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return header.tensors[i].begin; });
  Encoded out;
  for (const std::size_t i : order) out.tensors.push_back({header.tensors[i].key, file.tensor(header.tensors[i])});
  out.metadata = header.metadata;
  return out;
}

}  // namespace

RepairPlan repair(Document& document) {
  RepairPlan plan;
  detail::repair_container(document, plan);
  if (!detail::has_class_gap(document.findings)) {
    detail::repair_keys(document, plan);
    detail::repair_layers(document, plan);
    detail::repair_formats(document, plan);
  }
  plan.left = check(document);
  return plan;
}

bool is_repaired(const RepairPlan& plan) {
  return plan.undecided.empty() &&
         std::ranges::none_of(plan.left, [](const Finding& f) { return f.severity == Severity::error; });
}

Encoded encode_repaired(const Document& document, const RepairPlan& plan) {
  if (!plan.layers_changed) return as_it_is(document.file);
  return encode_edited(document.cache, document, era_to_keep(document));
}

}  // namespace kvcache
