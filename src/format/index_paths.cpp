#include "format/index_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include "common/codes.h"
#include "common/count_of.h"
#include "format/neighbours.h"
#include "format/user_metadata.h"
#include "kvcache/format.h"

namespace kvcache::detail {
namespace {

/// A list of lists of 64 levels needs 2 * 64 + 3 components at most; no sound path comes near this.
constexpr std::size_t max_components = 256;
constexpr std::size_t max_digits = 18;           ///< of a component: below 2^63 whatever they are
constexpr std::size_t section_prefix_bytes = 2;  ///< "0."

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string quoted(std::string_view text) {
  return fmt::format("'{}'", printable(text));
}

void not_a_path(const std::string& key, std::string_view what, std::string_view why, Findings& findings) {
  findings.push_back(make_finding(
      "KV201", {}, key,
      fmt::format("{} {} is no index path: {}; mlx-lm and others read another structure from it", what, quoted(key), why)));
}

/// No runtime here loads such a file, but that is no damage.
void report_fork_tables(const Header& header, Findings& findings) {
  const auto is_table_key = [](const auto& entry) { return is_fork_table_key(entry.first); };
  const auto first = std::ranges::find_if(header.metadata, is_table_key);
  const auto count = static_cast<std::uint64_t>(std::ranges::count_if(header.metadata, is_table_key));
  findings.push_back(make_finding("KV202", {}, first->first,
                                  fmt::format("{} in sections 3 and 4, beside the sections 0, 1 and 2: mlx-lm refuses the "
                                              "whole file because of them",
                                              count_of(count, "metadata key")),
                                  "the program that wrote it loads it"));
  findings.push_back(make_finding(
      "KV717", {}, first->first,
      "tables of arrays without elements, as forks of mlx-lm write them: a layout that is not understood here, and no damage"));
}

}  // namespace

std::optional<std::uint64_t> parse_index(std::string_view text) {
  if (text.empty() || text.size() > max_digits || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

namespace {

/// The components of a path.
struct Path {
  std::array<std::uint64_t, max_components> indices;
  std::size_t depth = 0;
  [[nodiscard]] std::span<const std::uint64_t> components() const { return std::span(indices).first(depth); }
};

enum class PathError : std::uint8_t { none, too_deep, empty_component, not_a_number };

/// The whole path is read before anything is done with it: half of a broken one would look like gaps and layers of its own.
/// `component`: the one that is wrong.
PathError read_path(std::string_view path, Path& out, std::string_view& component) {
  out.depth = 0;
  while (true) {
    if (out.depth == max_components) return PathError::too_deep;
    std::uint64_t index = 0;
    std::size_t digits = 0;
    while (digits < path.size() && is_digit(path[digits]))
      index = index * 10 + static_cast<std::uint64_t>(path[digits++] - '0');
    const bool ends = digits == path.size();
    const bool canonical = digits > 0 && digits <= max_digits && (digits == 1 || path.front() != '0');
    if (!canonical || (!ends && path[digits] != '.')) {
      component = path.substr(0, path.find('.'));
      return component.empty() ? PathError::empty_component : PathError::not_a_number;
    }
    out.indices[out.depth++] = index;
    if (ends) return PathError::none;
    path.remove_prefix(digits + 1);
  }
}

/// The same; reports KV201 or KV207 under `key` where it is none.
bool read_path(std::string_view path, Path& out, const std::string& key, std::string_view what, Findings& findings) {
  std::string_view component;
  switch (read_path(path, out, component)) {
    case PathError::none:
      return true;
    case PathError::too_deep:
      findings.push_back(
          make_finding("KV207", {}, key, fmt::format("{} {} has more than {} components", what, quoted(key), max_components)));
      return false;
    case PathError::empty_component:
      not_a_path(key, what, "a component is empty", findings);
      return false;
    case PathError::not_a_number:
      break;
  }
  not_a_path(key, what, quoted(component) + " is not a plain number", findings);
  return false;
}

template <typename Value>
void insert(IndexTree<Value>& root, std::span<const std::uint64_t> path, Value value) {
  IndexTree<Value>* node = &root;
  for (const std::uint64_t index : path) node = &node->children[index];
  node->value = std::move(value);
}

/// The nodes stay, for the next layer.
template <typename Value>
void empty_values(IndexTree<Value>& tree) {
  tree.value.reset();
  for (auto& [index, child] : tree.children) empty_values(child);
}

/// Without the nodes that the next layer did not need.
template <typename Value>
void drop_empty(IndexTree<Value>& tree) {
  for (auto it = tree.children.begin(); it != tree.children.end();) {
    drop_empty(it->second);
    it = it->second.empty() ? tree.children.erase(it) : std::next(it);
  }
}

/// One more key of a layer; those of a layer come together.
template <typename Position>
void add_key(std::vector<KeysOfLayer<Position>>& layers, std::uint64_t layer, Position key) {
  if (layers.empty() || layers.back().layer != layer) layers.push_back({layer, key, key});
  layers.back().end = std::next(key);
}

void add_key(std::vector<KeysOfLayer<std::size_t>>& layers, std::uint64_t layer, std::size_t key) {
  if (layers.empty() || layers.back().layer != layer) layers.push_back({layer, key, key});
  layers.back().end = key + 1;
}

template <typename Position>
const KeysOfLayer<Position>* find_layer(const std::vector<KeysOfLayer<Position>>& layers, std::uint64_t layer) {
  const auto found = std::ranges::lower_bound(layers, layer, {}, &KeysOfLayer<Position>::layer);
  return found == layers.end() || found->layer != layer ? nullptr : &*found;
}

}  // namespace

template <typename Value>
bool insert_path(IndexTree<Value>& root, std::string_view path, Value value, const std::string& key, std::string_view what,
                 Findings& findings) {
  Path read;
  if (!read_path(path, read, key, what, findings)) return false;
  insert(root, read.components(), std::move(value));
  return true;
}

bool Layout::arrays_of(std::uint64_t layer, const Header& header, ArrayTree& tree) const {
  const auto* const keys = find_layer(arrays, layer);
  if (keys == nullptr) return false;
  empty_values(tree);
  Path path;
  std::string_view wrong;
  for (std::size_t i = keys->begin; i < keys->end; ++i)
    if (read_path(header.tensors[i].key, path, wrong) == PathError::none) insert(tree, path.components().subspan(1), i);
  drop_empty(tree);
  return true;
}

bool Layout::meta_of(std::uint64_t layer, MetaTree& tree) const {
  const auto* const keys = find_layer(meta, layer);
  if (keys == nullptr) return false;
  empty_values(tree);
  Path path;
  std::string_view wrong;
  for (auto it = keys->begin; it != keys->end; ++it)
    if (read_path(std::string_view(it->first).substr(section_prefix_bytes), path, wrong) == PathError::none)
      insert(tree, path.components().subspan(1), it->second);
  drop_empty(tree);
  return true;
}

namespace {

/// is_sound() without a word: paths of children are put together only where something is to be said of them.
template <typename Value>
bool is_sound_inside(const IndexTree<Value>& tree) {
  if (tree.children.empty()) return true;
  if (tree.value || tree.children.rbegin()->first + 1 != tree.children.size()) return false;
  return std::ranges::all_of(tree.children, [](const auto& child) { return is_sound_inside(child.second); });
}

}  // namespace

template <typename Value>
bool is_sound(const IndexTree<Value>& tree, const Where& where, const std::string& key, std::string_view what,
              Findings& findings) {
  if (is_sound_inside(tree)) return true;
  if (tree.value && !tree.children.empty()) {
    findings.push_back(
        make_finding("KV205", where, key, fmt::format("both a value and a list of {} at {}", what, quoted(key))));
    return false;
  }
  if (!tree.children.empty() && tree.children.rbegin()->first + 1 != tree.children.size()) {
    std::uint64_t missing = 0;
    while (tree.children.contains(missing)) ++missing;
    findings.push_back(
        make_finding("KV203", where, key,
                     fmt::format("{}: {}.{} is missing although {}.{} is there; mlx-lm fills the gap with empty entries", what,
                                 printable(key), missing, printable(key), tree.children.rbegin()->first)));
    return false;
  }
  for (const auto& [index, child] : tree.children)
    if (!is_sound(child, where, fmt::format("{}.{}", key, index), what, findings)) return false;
  return true;
}

template bool insert_path(ArrayTree&, std::string_view, std::size_t, const std::string&, std::string_view, Findings&);
template bool is_sound(const ArrayTree&, const Where&, const std::string&, std::string_view, Findings&);
template bool is_sound(const MetaTree&, const Where&, const std::string&, std::string_view, Findings&);

Layout parse_layout(const Header& header, Findings& findings) {
  Layout layout;
  Path path;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const std::string& key = header.tensors[i].key;
    if (key.starts_with(state_tensor_key_prefix)) {
      layout.state_tensors.emplace(key, i);
    } else if (parse_index(key)) {
      not_a_path(key, "tensor key", "a layer's array needs at least two components", findings);
    } else if (read_path(key, path, key, "tensor key", findings)) {
      add_key(layout.arrays, path.indices[0], i);
    }
  }
  std::ranges::sort(layout.arrays, {}, &KeysOfLayer<std::size_t>::layer);

  const bool fork = has_fork_tables(header);
  if (fork) report_fork_tables(header, findings);
  for (auto it = header.metadata.begin(); it != header.metadata.end(); ++it) {
    const auto& [key, value] = *it;
    const std::string_view rest = std::string_view(key).substr(std::min(section_prefix_bytes, key.size()));
    if (key.starts_with("1.")) {
      layout.user.emplace(rest, value);
    } else if (key.starts_with("0.")) {
      if (read_path(rest, path, key, "metadata key", findings)) add_key(layout.meta, path.indices[0], it);
    } else if (key.starts_with("2.")) {
      const auto index = parse_index(rest);
      if (index) {
        layout.classes.push_back({*index, value});
      } else {
        not_a_path(key, "class key", "it should be '2.' and a layer's number", findings);
      }
    } else if (!fork || !is_fork_table_key(key)) {
      findings.push_back(make_finding("KV202", {}, key,
                                      fmt::format("metadata key {} is in none of the sections 0, 1 and 2; mlx-lm refuses the "
                                                  "whole file because of it",
                                                  quoted(key)),
                                      "user metadata belongs under '1.': rename or remove the key where the file is made"));
    }
  }
  std::ranges::sort(layout.meta, {}, &KeysOfLayer<Metadata::const_iterator>::layer);
  std::ranges::sort(layout.classes, {}, &ClassOfLayer::layer);
  return layout;
}

}  // namespace kvcache::detail
