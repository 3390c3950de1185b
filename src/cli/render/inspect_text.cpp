// `kvcache inspect`: the overview, what a person wants to know first.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <functional>
#include <limits>
#include <tuple>

#include "cli/render/inspect.h"
#include "cli/render/table.h"
#include "cli/terminal/words.h"
#include "documents/hint.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

/// Everything that a kind is made of below: of layers that are alike it is put into words once.
bool are_alike(const Facts& a, const Facts& b) {
  const auto parts = [](const Facts& f) {
    return std::tie(f.class_name, f.batch, f.kv_heads, f.key_dim, f.value_dim, f.dtype, f.keep, f.max_size, f.bits,
                    f.group_size, f.chunk_size, f.offsets);
  };
  return a.children.empty() && b.children.empty() && parts(a) == parts(b);
}

/// How often each text comes, in the order of first appearance; empty texts are left out.
template <typename Kind>
class LayerTally {
 public:
  explicit LayerTally(Kind kind) : kind_(std::move(kind)) {}
  void add(const Facts& facts) {
    if (before_ == nullptr || !are_alike(*before_, facts)) at_ = place_of(kind_(facts));
    before_ = &facts;
    if (at_ != none) ++entries_[at_].second;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::pair<std::string, std::size_t>& operator[](std::size_t i) const { return entries_[i]; }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  std::size_t place_of(std::string text) {
    if (text.empty()) return none;
    const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry.first == text; });
    if (found == entries_.end()) return entries_.emplace_back(std::move(text), 0), entries_.size() - 1;
    return static_cast<std::size_t>(found - entries_.begin());
  }

  Kind kind_;
  std::vector<std::pair<std::string, std::size_t>> entries_;
  const Facts* before_ = nullptr;
  std::size_t at_ = none;
};

// Layers and the children of lists: where heads and dtypes are.
template <typename Visit>
void each_leaf(const std::vector<Facts>& layers, const Visit& visit) {
  for (const Facts& facts : layers) {
    if (facts.children.empty()) visit(facts);
    each_leaf(facts.children, visit);
  }
}

std::string heads_kind(const Facts& facts) {
  if (!facts.kv_heads || !facts.key_dim) return {};
  if (!facts.value_dim || facts.value_dim == facts.key_dim) return fmt::format("{} × {}", *facts.kv_heads, *facts.key_dim);
  return fmt::format("{} × {} (keys) and {} (values)", *facts.kv_heads, *facts.key_dim, *facts.value_dim);
}

// Files of different layers have a handful of kinds; a hostile one may have as many as layers.
constexpr std::size_t shown_kinds = 8;

template <typename Kind>
std::string distinct(const std::vector<Facts>& layers, const Kind& kind) {
  LayerTally tally(kind);
  each_leaf(layers, [&](const Facts& facts) { tally.add(facts); });
  std::string out;
  for (std::size_t i = 0; i < std::min(tally.size(), shown_kinds); ++i) out += (i == 0 ? "" : ", ") + tally[i].first;
  return tally.size() > shown_kinds ? out + ", ..." : out;
}

std::string layers_row(const std::vector<Facts>& layers) {
  LayerTally tally(layer_kind);
  for (const Facts& facts : layers) tally.add(facts);
  std::string out;
  for (std::size_t i = 0; i < std::min(tally.size(), shown_kinds); ++i)
    out += fmt::format("{}{} × {}", i == 0 ? "" : ", ", tally[i].second, tally[i].first);
  return tally.size() > shown_kinds ? fmt::format("{}, ... ({} in all)", out, layers.size()) : out;
}

std::string tokens_row(const Overview& overview) {
  std::optional<std::int64_t> fewest;
  each_leaf(overview.layers, [&](const Facts& facts) {
    if (facts.tokens) fewest = std::min(fewest.value_or(*facts.tokens), *facts.tokens);
  });
  if (!fewest) return "no layer counts them";
  if (*fewest == overview.tokens) return fmt::format("{}", overview.tokens);
  return fmt::format("{} (layers differ, from {})", overview.tokens, *fewest);
}

/// "2", or "2 sequences: 43 and 36 tokens" where they differ.
std::string batch_kind(const Facts& facts) {
  if (!facts.batch) return {};
  constexpr std::size_t most = 8;
  const auto& lengths = facts.offsets;
  const bool equal = !lengths || std::ranges::adjacent_find(*lengths, std::not_equal_to()) == lengths->end();
  if (equal) return fmt::to_string(*facts.batch);
  if (lengths->size() > most) {
    const auto [least, largest] = std::ranges::minmax(*lengths);
    return fmt::format("{} sequences of {} to {} tokens", *facts.batch, least, largest);
  }
  return fmt::format("{} sequences: {} and {} tokens", *facts.batch, fmt::join(lengths->begin(), lengths->end() - 1, ", "),
                     lengths->back());
}

/// What a stamp in it says: one line of JSON to whoever lists the metadata.
std::string stamp_row(const PromptCache& cache) {
  std::optional<Stamp> stamp;
  try {
    stamp = find_stamp(cache);
  } catch (const Error&) {
    return "not understood; `kvcache verify` explains";
  }
  if (!stamp) return {};
  std::string out = stamp->time.empty() ? "" : "of " + printable(stamp->time);
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (stamp->crc32) add(fmt::format("checksums of {}", count_of(stamp->crc32->size(), "array")));
  if (!stamp->model_sha256.empty())
    add(fmt::format("digests of {} of the model", count_of(stamp->model_sha256.size(), "file")));
  if (stamp->tokens) add(fmt::format("{} of the prompt", count_of(stamp->tokens->count, "token id")));
  if (stamp->text) add(fmt::format("its text, {}", human_bytes(static_cast<double>(stamp->text->size()))));
  return out;
}

std::string size_row(const Overview& overview) {
  std::string out = human_bytes(static_cast<double>(overview.bytes));
  if (const auto cost = overview.bytes_per_token()) out += fmt::format(", {} per token", human_bytes(*cost));
  if (overview.padding_bytes != 0)
    out += fmt::format(", {} of it padding", human_bytes(static_cast<double>(overview.padding_bytes)));
  return out;
}

std::string wrapped_row(const std::vector<Facts>& layers) {
  std::size_t windows = 0, wrapped = 0, ordered = 0, full = 0;
  each_leaf(layers, [&](const Facts& facts) {
    windows += facts.wrapped.has_value() ? 1 : 0;
    wrapped += facts.wrapped.value_or(false) ? 1 : 0;
    ordered += facts.wrapped.value_or(false) && is_in_order(facts) ? 1 : 0;
    full += is_full_window(facts) ? 1 : 0;
  });
  if (windows == 0) return {};
  if (wrapped == 0) {
    std::string none = windows == 1 ? "not wrapped" : fmt::format("none of {} has wrapped", windows);
    if (full == 0) return none;
    return fmt::format(
        "{}, {}: every token is still there, and as KVCache (`kvcache convert --class KVCache`) it can be trimmed", none,
        windows == 1 ? "but full" : fmt::format("but {} full", full == 1 ? "one is" : fmt::format("{} are", full)));
  }
  return fmt::format("{} of {} wrapped: the oldest tokens are gone{}", wrapped, windows,
                     ordered == wrapped ? "; rows are in the order of time" : "");
}

std::string trim_row(const Document& document) {
  std::size_t more = 0;
  std::string first;
  for (std::size_t i = 0; i < document.cache.layers.size(); ++i) {
    const auto why = document.cache.layers[i]->why_not_trimmable();
    if (!why) continue;
    if (first.empty())
      first = fmt::format("no: {}: {}", printable(layer_name(document.cache, i), 120), *why);
    else
      ++more;
  }
  if (first.empty()) return "yes";
  return more == 0 ? first : fmt::format("{} (and {} more {})", first, more, more == 1 ? "layer" : "layers");
}

std::string format_row(const Document& document) {
  if (document.format == nullptr) return "mixed: no runtime writes these layers together";
  std::vector<const Dialect*> others;
  for (const Dialect& d : dialects())
    if (document.candidates.has(d.era) && d.era != document.format->era) others.push_back(&d);
  std::string out(document.format->id);
  if (!others.empty()) out += "; also written by " + format_names(others);
  return out;
}

std::string model_row(const Document& document) {
  const auto found = document.cache.metadata.find("model");
  return found == document.cache.metadata.end() ? "" : printable(found->second);
}

std::string findings_row(const Findings& findings) {
  const auto of = [&](Severity severity) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.severity == severity; }));
  };
  const std::size_t errors = of(Severity::error), warnings = of(Severity::warning);
  if (errors + warnings == 0) return {};
  std::string out = errors != 0 ? count_of(errors, "error") : "";
  if (warnings != 0) out += (out.empty() ? "" : " and ") + count_of(warnings, "warning");
  return out + "; `kvcache verify` explains";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> overview_rows(const Document& document, const Overview& overview) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto add = [&](const char* title, std::string text) {
    if (!text.empty()) rows.emplace_back(title, std::move(text));
  };
  add("format", format_row(document));
  add("model", model_row(document));
  add("layers", layers_row(overview.layers));
  add("tokens", tokens_row(overview));
  add("batch", distinct(overview.layers, batch_kind));
  add("heads", distinct(overview.layers, heads_kind));
  add("elements", distinct(overview.layers, element_kind));
  add("size", size_row(overview));
  add("windows", wrapped_row(overview.layers));
  add("can trim", trim_row(document));
  add("stamp", stamp_row(document.cache));
  return rows;
}

namespace {

std::string overview_text(const Document& document, const Style& style) {
  // Before the rules: facts of thousands of layers take megabytes.
  const auto rows = overview_rows(document, overview_of(document));
  const Findings findings = check(document);
  Table table({{"", Table::Align::left}, {"", Table::Align::left}}, 2);
  for (const auto& [title, text] : rows)
    table.add({title, text.starts_with("no:") ? style.yellow("no:") + text.substr(3) : text});
  for (const auto& row : loading_rows(document, findings)) table.add(row);
  const bool broken = std::ranges::any_of(findings, [](const Finding& f) { return f.severity == Severity::error; });
  const std::string problems = findings_row(findings);
  if (!problems.empty()) table.add({"problems", broken ? style.red(problems) : style.yellow(problems)});
  for (const UsageNote& note : usage_notes(document, findings))
    table.add({"note", documents::sentence_of(note, document.file.path())});
  return table.text(style);
}

}  // namespace

std::string inspect_text(const Context& context, const Document& document, const InspectSections& sections) {
  const Style style(context, stdout);
  std::string out =
      hanging(fmt::format("{}: {}{}", style.bold(shown_path(document.file.path())),
                          human_bytes(static_cast<double>(document.file.disk_bytes())), document.file.gzip() ? ", gzip" : ""),
              line_width(stdout)) +
      '\n';
  // Who asks for a table has seen the overview, or will ask for it.
  if (!sections.layers && !sections.tensors && !sections.metadata && !sections.stats) out += overview_text(document, style);
  std::string_view between;
  const auto add = [&](bool wanted, std::string (*section)(const Context&, const Document&)) {
    if (!wanted) return;
    out += between;
    out += section(context, document);
    between = "\n";
  };
  add(sections.layers, inspect_layers);
  add(sections.tensors, inspect_tensors);
  add(sections.metadata, inspect_metadata);
  return out;
}

}  // namespace kvcache::cli
