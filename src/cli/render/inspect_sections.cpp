// `kvcache inspect --layers --tensors --metadata`: the tables below the overview.
#include <fmt/format.h>

#include <map>

#include "cli/render/inspect.h"
#include "cli/render/table.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {

bool is_full_window(const Facts& facts) {
  return facts.class_name == "RotatingKVCache" && !facts.empty && !facts.wrapped.value_or(true) && facts.rows == facts.tokens &&
         facts.tokens >= facts.max_size;
}

bool is_in_order(const Facts& facts) {
  return facts.idx == facts.rows;
}

namespace {

std::string dims_of(const Facts& facts) {
  if (!facts.batch || !facts.kv_heads || !facts.key_dim) return {};
  std::string out = fmt::format("{}×{}×{}", *facts.batch, *facts.kv_heads, *facts.key_dim);
  if (facts.value_dim && facts.value_dim != facts.key_dim) out += fmt::format("/{}", *facts.value_dim);
  return out;
}

// What the columns do not say, the exceptional first.
std::string notes_of(const Facts& facts, bool decoded) {
  std::string out;
  const auto note = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (!decoded) note("not understood");
  if (facts.empty) note("never used");
  if (facts.wrapped.value_or(false)) note("wrapped");
  if (is_full_window(facts)) note("full");
  if (facts.rows && facts.tokens && facts.rows != facts.tokens) note(count_of(static_cast<std::uint64_t>(*facts.rows), "row"));
  if (facts.max_size) note(fmt::format("window {}", *facts.max_size));
  if (facts.wrapped.value_or(false) && facts.idx && facts.rows)
    note(is_in_order(facts) ? "in order" : fmt::format("ring at row {}", *facts.idx));
  if (facts.keep.value_or(0) != 0) note(fmt::format("keep {}", *facts.keep));
  if (facts.chunk_size) note(fmt::format("chunk {}", *facts.chunk_size));
  if (facts.start_position.value_or(0) != 0) note(fmt::format("start {}", *facts.start_position));
  if (facts.padding_bytes != 0) note(human_bytes(static_cast<double>(facts.padding_bytes)) + " padding");
  if (!facts.trimmable) note("no trim");
  return out;
}

std::string short_elements(const Facts& facts) {
  if (facts.bits && facts.group_size) return fmt::format("{}b/{}", *facts.bits, *facts.group_size);
  return facts.dtype ? std::string(name(*facts.dtype)) : "";
}

void add_layer(Table& table, const std::string& index, const Facts& facts, bool decoded) {
  std::vector<std::string> cells = layer_cells(facts, decoded);
  cells.insert(cells.begin(), index);
  table.add(std::move(cells));
  for (std::size_t i = 0; i < facts.children.size(); ++i)
    add_layer(table, fmt::format("{}.{}", index, i), facts.children[i], true);
}

// Which layers a piece of evidence comes from.
std::string evidence_of(const Document& document, const Style& style) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> by_text;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < document.sources.size(); ++i) {
    for (const std::string& text : document.sources[i].evidence) {
      const auto [found, added] = place.emplace(text, by_text.size());
      if (added) by_text.push_back({text, {}});
      // Several children of a layer may say the same.
      std::vector<std::size_t>& layers = by_text[found->second].second;
      if (layers.empty() || layers.back() != i) layers.push_back(i);
    }
  }
  Table table({{"Layers"}, {"What speaks for the format"}}, 2);
  for (const auto& [text, layers] : by_text) table.add({ranges(layers), printable(text, 200)});
  return by_text.empty() ? "" : '\n' + table.text(style);
}

}  // namespace

std::vector<std::string> layer_cells(const Facts& facts, bool decoded) {
  return {printable(facts.class_name, 24), facts.tokens ? fmt::format("{}", *facts.tokens) : "", dims_of(facts),
          short_elements(facts),           human_bytes(static_cast<double>(facts.bytes)),        notes_of(facts, decoded)};
}

std::string inspect_layers(const Context& context, const Document& document) {
  using Align = Table::Align;
  Table table({{"Layer"}, {"Class"}, {"Tokens", Align::right}, {"B×H×D"}, {"Dtype"}, {"Size", Align::right}, {"Notes"}}, 2);
  for (std::size_t i = 0; i < document.cache.layers.size(); ++i) {
    add_layer(table, fmt::format("{}", i), stored_facts(document, i), document.sources[i].decoded);
  }
  const Style style(context, stdout);
  return table.text(style) + evidence_of(document, style);
}

std::string inspect_tensors(const Context& context, const Document& document) {
  using Align = Table::Align;
  Table table({{"In data", Align::right}, {"Bytes", Align::right}, {"Dtype"}, {"Key"}, {"Shape"}}, 2);
  for (const TensorEntry& entry : document.file.header().tensors)
    table.add({fmt::format("{}", entry.begin), fmt::format("{}", entry.nbytes()), std::string(name(entry.dtype)),
               printable(entry.key, 40), to_string(entry.shape)});
  return table.text(Style(context, stdout));
}

std::string inspect_metadata(const Context& context, const Document& document) {
  const Style style(context, stdout);
  std::string out;
  // Uncut and unwrapped: this is where people copy values from.
  for (const auto& [key, value] : document.file.header().metadata)
    out += fmt::format("  {} = {}\n", style.bold(printable(key, key.size())), printable(value, value.size()));
  return out.empty() ? "  no metadata\n" : out;
}

}  // namespace kvcache::cli
