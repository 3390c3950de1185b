#include "store/compare_known.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cache/axes.h"
#include "kvcache/sha256.h"
#include "kvcache/stamp.h"

namespace kvcache::store::detail {
namespace {

using kvcache::detail::row_axis;

/// What is compared: arrays by where and what they are, and what a state says beside them.
struct Values {
  std::vector<NamedTensor> arrays;
  std::vector<std::string> facts;

  void add(const std::string& place, const Tensor& array) {
    // A slot of a state that is not set.
    if (!array.defined()) return facts.push_back(place + " is not set");
    arrays.push_back({fmt::format("{} {} [{}]", place, name(array.dtype()), fmt::join(array.shape(), ", ")), array});
  }
  void add_state(const std::vector<ObjectPart>& parts) {
    for (std::size_t part = 0; part < parts.size(); ++part) {
      // Of recurrent state some formats say paddings and lengths and others do not: it is the same state.
      const auto said = nlohmann::json::parse(parts[part].facts.empty() ? "{}" : parts[part].facts);
      if (said.value("class", "") != "ArraysCache") facts.push_back(said.dump());
      for (std::size_t a = 0; a < parts[part].arrays.size(); ++a) add(fmt::format("{}.{}", part, a), parts[part].arrays[a]);
    }
  }
};

std::pair<Values, Values> states(const StoredObject& stored, const ObjectContents& ours) {
  std::pair<Values, Values> out;
  std::vector<ObjectPart> parts = ours.parts;
  if (!ours.model_state.empty()) {
    ObjectPart model;
    for (const auto& [name, array] : ours.model_state) model.arrays.push_back(array);
    parts.push_back(std::move(model));
  }
  out.first.add_state(parts);
  out.second.add_state(stored.states());
  return out;
}

std::pair<Values, Values> rows(const StoredObject& stored, const Known& known) {
  std::pair<Values, Values> out;
  for (std::size_t part = 0; part < known.ours.parts.size(); ++part) {
    const std::vector<Tensor>& arrays = known.ours.parts[part].arrays;
    for (std::size_t a = 0; a < arrays.size(); ++a) {
      const std::string place = fmt::format("{}.{}", part, a);
      const Tensor theirs = stored.rows(part, a, arrays.size(), known.ours.specs[part]->arrays[a], known.rows);
      out.first.add(place, arrays[a]);
      out.second.add(place, theirs.slice(row_axis, 0, arrays[a].dim(row_axis)));
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> difference(const Objects& objects, const Known& known, const WriteOptions& how) {
  const std::string name = object_name(known.node, known.ours.group);
  if (!objects.size(name)) return std::nullopt;
  const StoredObject stored(objects.open(name), name);
  const auto [ours, theirs] = known.ours.group == state_group ? states(stored, known.ours) : rows(stored, known);
  const auto sums = checksums(ours.arrays, how.threads, {}, how.stop);
  if (ours.facts == theirs.facts && sums == checksums(theirs.arrays, how.threads, {}, how.stop)) return std::nullopt;
  std::string text = fmt::format("{}\n{}\n", known.ours.group, fmt::join(ours.facts, "\n"));
  for (const auto& [key, sum] : sums) text += fmt::format("{} {:08x}\n", key, sum);
  return sha256(text);
}

}  // namespace kvcache::store::detail
