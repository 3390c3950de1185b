#include "kvcache/where.h"

#include <fmt/format.h>

#include <utility>

#include "kvcache/printable.h"

namespace kvcache {

Where Where::of_layer(std::size_t index) {
  Where where(Part::layer);
  where.layer_ = index;
  return where;
}

Where Where::entry(std::string name) {
  Where where(Part::entry);
  where.name_ = std::move(name);
  return where;
}

Where Where::child(std::size_t index) const {
  Where where = *this;
  where.children_.push_back(index);
  return where;
}

std::optional<std::size_t> Where::layer() const noexcept {
  return part_ == Part::layer ? std::optional(layer_) : std::nullopt;
}

std::string Where::text() const {
  switch (part_) {
    case Part::file:
      return {};
    case Part::header:
      return "header";
    case Part::metadata:
      return "metadata";
    case Part::model_state:
      return "model state";
    case Part::leaf_table:
      return "table of leaves";
    case Part::entry:
      return printable(name_);
    case Part::layer:
      break;
  }
  std::string out = fmt::format("layer {}", layer_);
  for (const std::size_t child : children_) out += fmt::format(" child {}", child);
  return out;
}

std::weak_ordering operator<=>(const Where& a, const Where& b) {
  const bool a_is_layer = a.part_ == Where::Part::layer;
  const bool b_is_layer = b.part_ == Where::Part::layer;
  if (!a_is_layer || !b_is_layer) return a_is_layer <=> b_is_layer;
  if (a.layer_ != b.layer_) return a.layer_ <=> b.layer_;
  return a.children_ <=> b.children_;
}

}  // namespace kvcache
