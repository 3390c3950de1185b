#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kvcache/model_types.h"

namespace kvcache {
namespace {

using LayerKind = LayerSpec::Kind;

/// Layers of one sort.
struct Sort {
  std::string words;
  std::vector<std::size_t> at;
};

std::string every(std::size_t n) {
  static constexpr std::array<std::string_view, 11> ordinals = {"",      "",        "second", "third", "fourth", "fifth",
                                                                "sixth", "seventh", "eighth", "ninth", "tenth"};
  return n < ordinals.size() ? fmt::format("every {}", ordinals[n]) : fmt::format("every {}th", n);
}

/// Where the rarer sort of two is, in words, or nothing.
std::string where(const std::vector<std::size_t>& at, std::size_t layers) {
  constexpr std::size_t most_listed = 8;
  const std::size_t step = at.front() + 1;
  bool regular = step > 1 && at.size() == layers / step;
  for (std::size_t i = 0; regular && i < at.size(); ++i) regular = at[i] == (i + 1) * step - 1;
  if (regular && at.size() > 1) return ", " + every(step);
  if (at.size() > most_listed) return {};
  std::string list;
  for (const std::size_t i : at) list += (list.empty() ? "" : ", ") + std::to_string(i);
  return fmt::format(", layer{} {}", at.size() == 1 ? "" : "s", list);
}

std::vector<Sort> sorts_of(std::span<const LayerSpec> layers) {
  std::vector<Sort> sorts;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::string words = layer_in_words(layers[i]);
    const auto it = std::find_if(sorts.begin(), sorts.end(), [&](const Sort& sort) { return sort.words == words; });
    if (it == sorts.end())
      sorts.push_back({std::move(words), {i}});
    else
      it->at.push_back(i);
  }
  return sorts;
}

}  // namespace

std::string layer_in_words(const LayerSpec& layer) {
  if (layer.unused) return "unused";
  switch (layer.kind) {
    case LayerKind::rotating:
      return fmt::format("window {}", layer.max_size);
    case LayerKind::chunked:
      return fmt::format("chunk {}", layer.chunk_size);
    case LayerKind::arrays:
      return "state";
    case LayerKind::list: {
      std::string words;
      for (const LayerSpec& child : layer.children) words += (words.empty() ? "" : " + ") + layer_in_words(child);
      return words;
    }
    case LayerKind::kv:
      break;
  }
  return "plain";
}

std::string layers_in_words(std::span<const LayerSpec> layers) {
  std::vector<Sort> sorts = sorts_of(layers);
  // The most first; among equals, as they come.
  std::stable_sort(sorts.begin(), sorts.end(), [](const Sort& a, const Sort& b) { return a.at.size() > b.at.size(); });
  std::string text;
  for (const Sort& sort : sorts) text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", sort.at.size(), sort.words);
  if (sorts.size() == 2) text += where(sorts[1].at, layers.size());
  return text;
}

}  // namespace kvcache
