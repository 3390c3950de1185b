// `kvcache inspect`: the overview, what a person wants to know first.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <array>
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

using documents::Totals;

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
  /// `facts` has to live until the next ones were added.
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

// A layer, or the children of a list: where heads and dtypes are.
template <typename Visit>
void each_leaf(const Facts& facts, const Visit& visit) {
  if (facts.children.empty()) visit(facts);
  for (const Facts& child : facts.children) each_leaf(child, visit);
}

std::string heads_kind(const Facts& facts) {
  if (!facts.kv_heads || !facts.key_dim) return {};
  if (!facts.value_dim || facts.value_dim == facts.key_dim) return fmt::format("{} × {}", *facts.kv_heads, *facts.key_dim);
  return fmt::format("{} × {} (keys) and {} (values)", *facts.kv_heads, *facts.key_dim, *facts.value_dim);
}

// Files of different layers have a handful of kinds; a hostile one may have as many as layers.
constexpr std::size_t shown_kinds = 8;

template <typename Tally>
std::string distinct(const Tally& tally) {
  std::string out;
  for (std::size_t i = 0; i < std::min(tally.size(), shown_kinds); ++i) out += (i == 0 ? "" : ", ") + tally[i].first;
  return tally.size() > shown_kinds ? out + ", ..." : out;
}

template <typename Tally>
std::string layers_row(const Tally& tally, std::size_t layers) {
  std::string out;
  for (std::size_t i = 0; i < std::min(tally.size(), shown_kinds); ++i)
    out += fmt::format("{}{} × {}", i == 0 ? "" : ", ", tally[i].second, tally[i].first);
  return tally.size() > shown_kinds ? fmt::format("{}, ... ({} in all)", out, layers) : out;
}

std::string tokens_row(const Totals& totals, const std::optional<std::int64_t>& fewest) {
  if (!fewest) return "no layer counts them";
  if (*fewest == totals.tokens) return fmt::format("{}", totals.tokens);
  return fmt::format("{} (layers differ, from {})", totals.tokens, *fewest);
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

std::string size_row(const Totals& totals) {
  std::string out = human_bytes(static_cast<double>(totals.bytes));
  if (const auto cost = totals.bytes_per_token()) out += fmt::format(", {} per token", human_bytes(*cost));
  if (totals.padding_bytes != 0)
    out += fmt::format(", {} of it padding", human_bytes(static_cast<double>(totals.padding_bytes)));
  return out;
}

/// How many windows have wrapped.
struct Windows {
  std::size_t all = 0;
  std::size_t wrapped = 0;
  std::size_t ordered = 0;
  std::size_t full = 0;
  void add(const Facts& facts) {
    all += facts.wrapped.has_value() ? 1 : 0;
    wrapped += facts.wrapped.value_or(false) ? 1 : 0;
    ordered += facts.wrapped.value_or(false) && is_in_order(facts) ? 1 : 0;
    full += is_full_window(facts) ? 1 : 0;
  }
};

std::string wrapped_row(const Windows& windows) {
  const auto [all, wrapped, ordered, full] = windows;
  if (all == 0) return {};
  if (wrapped == 0) {
    std::string none = all == 1 ? "not wrapped" : fmt::format("none of {} has wrapped", all);
    if (full == 0) return none;
    return fmt::format(
        "{}, {}: every token is still there, and as KVCache (`kvcache convert --class KVCache`) it can be trimmed", none,
        all == 1 ? "but full" : fmt::format("but {} full", full == 1 ? "one is" : fmt::format("{} are", full)));
  }
  return fmt::format("{} of {} wrapped: the oldest tokens are gone{}", wrapped, all,
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

/// What the overview says of layers, one after the other: facts of all of them at once would take megabytes.
class LayerWords {
 public:
  explicit LayerWords(const Document& document) : document_(document) {
    const std::size_t layers = document.cache.layers.size();
    for (std::size_t i = 0; i < layers; ++i) {
      // Those before are what a tally compares with.
      Facts& facts = of_two_layers_[i % of_two_layers_.size()];
      facts = stored_facts(document, i);
      totals_.add(facts, document.sources[i]);
      layers_.add(facts);
      each_leaf(facts, [&](const Facts& leaf) { add(leaf); });
    }
  }
  [[nodiscard]] std::string layers() const { return layers_row(layers_, document_.cache.layers.size()); }
  [[nodiscard]] std::string tokens() const { return tokens_row(totals_, fewest_); }
  [[nodiscard]] std::string batch() const { return distinct(batch_); }
  [[nodiscard]] std::string heads() const { return distinct(heads_); }
  [[nodiscard]] std::string elements() const { return distinct(elements_); }
  [[nodiscard]] std::string size() const { return size_row(totals_); }
  [[nodiscard]] std::string windows() const { return wrapped_row(windows_); }

 private:
  using Tally = LayerTally<std::string (*)(const Facts&)>;

  void add(const Facts& leaf) {
    if (leaf.tokens) fewest_ = std::min(fewest_.value_or(*leaf.tokens), *leaf.tokens);
    batch_.add(leaf);
    heads_.add(leaf);
    elements_.add(leaf);
    windows_.add(leaf);
  }

  const Document& document_;
  std::array<Facts, 2> of_two_layers_;
  Totals totals_;
  Tally layers_{layer_kind}, batch_{batch_kind}, heads_{heads_kind}, elements_{element_kind};
  std::optional<std::int64_t> fewest_;
  Windows windows_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> overview_rows(const Document& document) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto add = [&](const char* title, std::string text) {
    if (!text.empty()) rows.emplace_back(title, std::move(text));
  };
  const LayerWords words(document);
  add("format", format_row(document));
  add("model", model_row(document));
  add("layers", words.layers());
  add("tokens", words.tokens());
  add("batch", words.batch());
  add("heads", words.heads());
  add("elements", words.elements());
  add("size", words.size());
  add("windows", words.windows());
  add("can trim", trim_row(document));
  add("stamp", stamp_row(document.cache));
  return rows;
}

namespace {

std::string overview_text(const Document& document, const Style& style) {
  const auto rows = overview_rows(document);
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
