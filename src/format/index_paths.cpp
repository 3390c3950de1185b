#include "format/index_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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
  if (text.empty() || text.size() > 18 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

template <typename Value>
bool insert_path(IndexTree<Value>& root, std::string_view path, Value value, const std::string& key, std::string_view what,
                 Findings& findings) {
  // The whole path is read before anything is inserted: half of a broken one would look like gaps and layers of its own.
  std::array<std::uint64_t, max_components> indices;
  std::size_t depth = 0;
  while (true) {
    if (depth == max_components) {
      findings.push_back(
          make_finding("KV207", {}, key, fmt::format("{} {} has more than {} components", what, quoted(key), max_components)));
      return false;
    }
    const std::size_t dot = path.find('.');
    const std::string_view component = path.substr(0, dot);
    const auto index = parse_index(component);
    if (!index) {
      not_a_path(key, what, component.empty() ? "a component is empty" : quoted(component) + " is not a plain number",
                 findings);
      return false;
    }
    indices[depth++] = *index;
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  IndexTree<Value>* node = &root;
  for (const std::uint64_t index : std::span(indices).first(depth)) node = &node->children[index];
  node->value = std::move(value);
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
template bool insert_path(MetaTree&, std::string_view, std::string, const std::string&, std::string_view, Findings&);
template bool is_sound(const ArrayTree&, const Where&, const std::string&, std::string_view, Findings&);
template bool is_sound(const MetaTree&, const Where&, const std::string&, std::string_view, Findings&);

Layout parse_layout(const Header& header, Findings& findings) {
  Layout layout;
  ArrayTree arrays;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const std::string& key = header.tensors[i].key;
    if (key.starts_with(state_tensor_key_prefix)) {
      layout.state_tensors.emplace(key, i);
    } else if (parse_index(key)) {
      not_a_path(key, "tensor key", "a layer's array needs at least two components", findings);
    } else {
      insert_path(arrays, key, i, key, "tensor key", findings);
    }
  }
  layout.arrays = std::move(arrays.children);

  MetaTree meta;
  const bool fork = has_fork_tables(header);
  if (fork) report_fork_tables(header, findings);
  for (const auto& [key, value] : header.metadata) {
    const std::string_view path = std::string_view(key).substr(std::min<std::size_t>(2, key.size()));
    if (key.starts_with("1.")) {
      layout.user.emplace(path, value);
    } else if (key.starts_with("0.")) {
      insert_path(meta, path, value, key, "metadata key", findings);
    } else if (key.starts_with("2.")) {
      const auto index = parse_index(path);
      if (index) {
        layout.classes.emplace(*index, value);
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
  layout.meta = std::move(meta.children);
  return layout;
}

}  // namespace kvcache::detail
