#include <fmt/format.h>

#include <algorithm>

#include "verify/rules.h"

namespace kvcache::detail {
namespace {

void add(std::vector<Place>& out, Place place, const std::set<Where>& broken) {
  place.sound = !broken.contains(place.where);
  const auto* const list = place.as<CacheList>();
  if (list == nullptr) return out.push_back(std::move(place));
  out.push_back(place);
  for (std::size_t i = 0; i < list->children().size(); ++i) {
    Place child = place;
    child.cache = list->children()[i].get();
    child.where = place.where.child(i);
    child.is_child = true;
    add(out, std::move(child), broken);
  }
}

}  // namespace

std::vector<Place> places(const Document& document) {
  std::vector<Place> out;
  const auto broken = places_with_errors(document.findings);
  const std::size_t layers = std::min(document.cache.layers.size(), document.sources.size());
  out.reserve(layers);
  // Together: most are never asked for anything.
  const auto keys = std::make_shared<std::vector<LayerKeys>>();
  keys->reserve(layers);
  for (std::size_t i = 0; i < layers; ++i) keys->emplace_back(document, document.sources[i]);
  for (std::size_t i = 0; i < layers; ++i)
    add(out,
        {.document = &document,
         .source = &document.sources[i],
         .cache = document.cache.layers[i].get(),
         .layer = i,
         .where = Where::of_layer(i),
         .keys = std::shared_ptr<LayerKeys>(keys, &(*keys)[i])},
        broken);
  return out;
}

std::set<Where> places_with_errors(const Findings& findings) {
  std::set<Where> out;
  for (const Finding& finding : findings)
    if (finding.severity == Severity::error) out.insert(finding.where);
  return out;
}

bool has_class_gap(const Findings& findings) {
  return std::ranges::any_of(findings, [](const Finding& f) {
    return f.code == "KV203" && f.where.empty() && (f.key.starts_with("2.") || f.key.starts_with("1."));
  });
}

bool has_section_0(const Header& header, std::size_t layer) {
  const std::string key = fmt::format("0.{}", layer);
  if (header.metadata.contains(key)) return true;
  const auto next = header.metadata.lower_bound(key + ".");
  return next != header.metadata.end() && next->first.starts_with(key + ".");
}

std::size_t layers_with_meta(const Document& document) {
  std::size_t layers = document.sources.size();
  while (layers > 0 && !has_section_0(document.file.header(), layers - 1)) --layers;
  return layers;
}

std::string LayerKeys::of(const Tensor& tensor) {
  if (!tensor.defined() || tensor.nbytes() == 0) return {};
  if (by_offset_ == nullptr) {
    by_offset_ = std::make_unique<std::map<std::uint64_t, std::string_view>>();
    for (const std::size_t index : source_.arrays) {
      const Header& header = document_.file.header();
      const TensorEntry& entry = header.tensors[index];
      if (entry.nbytes() != 0) by_offset_->emplace(header.data_begin + entry.begin, entry.key);
    }
  }
  std::string key;
  tensor.visit(0, 1, [&](const Extent& extent) {
    if (extent.kind != Extent::Kind::source) return;
    const auto entry = by_offset_->find(extent.offset);
    if (entry != by_offset_->end()) key = entry->second;
  });
  return key;
}

std::string first_key(const Place& place) {
  if (!place.is_child && !place.source->arrays.empty())
    return place.document->file.header().tensors[place.source->arrays.front()].key;
  if (!place.keys) return {};
  for (const Cache::Part& part : place.cache->parts())
    if (std::string key = place.keys->of(part.tensor); !key.empty()) return key;
  return {};
}

}  // namespace kvcache::detail
