// What a sound file lacks for everyday use: facts about its user metadata that no finding code stands for. What generate makes
// of each entry is in docs/formats.md, "User metadata".
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvcache/caches.h"
#include "kvcache/verify.h"

namespace kvcache {
namespace {

constexpr Version first{0, 0, 0};
constexpr Version last_with_template{0, 30, 0};
constexpr Version template_is_json{0, 21, 5};  // the first release that surely parses it; before, it is plain text

/// Values that generate takes; who knows the model has better ones.
std::string example_value(std::string_view key) {
  return key == "model" ? "REPO" : R"({"trust_remote_code": null})";
}

/// generate continues one sequence.
bool holds_batch(const PromptCache& cache) {
  return std::ranges::any_of(cache.layers, [](const auto& layer) {
    return any_leaf(*layer, [](const Cache& leaf) {
      return is<BatchKVCache>(leaf) || is<BatchRotatingKVCache>(leaf) || leaf.batch_size().value_or(1) > 1;
    });
  });
}

/// The first character of a JSON text, or 0 for what is none.
char json_kind(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string::npos && nlohmann::json::accept(text) ? text[begin] : '\0';
}

class Notes {
 public:
  explicit Notes(const Document& document) : document_(document) {}

  /// mlx_lm.generate looks for them; mlx_lm.server reads no files, its caches stay in memory.
  void missing() {
    std::string keys;
    std::vector<Remedy::Argument> values;
    for (const std::string_view key : {"model", "tokenizer_config"}) {
      if (find(key) != nullptr) continue;
      keys += fmt::format("{}{}", keys.empty() ? "" : ", ", key);
      values.emplace_back(key, example_value(key));
    }
    if (keys.empty()) return;
    add(fmt::format("mlx_lm.generate --prompt-cache-file fails without this user metadata: {}", keys),
        Remedy(Remedy::Action::set_metadata, std::move(values)));
  }

  /// json.loads, and the keyword arguments of the tokenizer.
  void tokenizer_config() {
    const std::string* const value = find("tokenizer_config");
    if (value == nullptr || json_kind(*value) == '{') return;
    add("mlx_lm.generate --prompt-cache-file fails: tokenizer_config is no JSON object",
        Remedy(Remedy::Action::set_metadata, {{"tokenizer_config", example_value("tokenizer_config")}}));
  }

  /// Up to 0.30.0 generate gives the tokenizer what is stored here, and since 2025-02-06 it parses that as JSON. null is
  /// taken as well, but then the tokenizer is left without a template: nothing to recommend.
  void chat_template(const Target& target) {
    // Without a value: it is in the model's tokenizer_config.json.
    const Remedy remedy(Remedy::Action::set_metadata, {{"chat_template", ""}});
    const std::string* const value = find("chat_template");
    if (value == nullptr)
      return add(
          "mlx_lm.generate --prompt-cache-file fails up to 0.30.0 without the user metadata chat_template, the template of the "
          "model's tokenizer",
          remedy);
    const char kind = json_kind(*value);
    if (kind == '"' || kind == 'n' || !target.touches(template_is_json, last_with_template)) return;
    add(fmt::format("mlx_lm.generate --prompt-cache-file of 2025-02-06 to 0.30.0 fails: it parses chat_template as JSON, and "
                    "this is {}",
                    kind == '\0' ? "the raw text" : "JSON of another kind"),
        remedy);
  }

  /// mlx_lm.generate compares its options with the first layer.
  void needed_options() {
    constexpr std::int64_t default_group_size = 64;
    if (document_.cache.layers.empty()) return;
    const auto* const quantized = as<QuantizedKVCache>(*document_.cache.layers.front());
    if (quantized == nullptr || quantized->state().group_size == default_group_size) return;
    add(fmt::format("mlx_lm.generate --prompt-cache-file needs --kv-group-size {} with this file: its default is {}",
                    quantized->state().group_size, default_group_size),
        {});
  }

  /// What writing the file again changes about it.
  void worth_rewriting() {
    bool unused = false;
    bool early_form = false;
    for (const LayerSource& source : document_.sources) {
      unused = unused || std::ranges::any_of(source.unused, [](const UnusedRows& rows) { return rows.bytes != 0; });
      early_form = early_form || source.early_form;
    }
    const Remedy remedy(Remedy::Action::convert, {{"to", std::string(dialect(Era::P5).id)}});
    if (early_form)
      notes_.push_back({"version 0.1 of kvcache wrote it for mlx-lm 0.32, which does not load it; converting it again mends it",
                        remedy,
                        {}});
    else if (unused)
      notes_.push_back(
          {"it stores rows behind the last token, as mlx-lm 0.32 saves whole buffers: zeros, or keys and values of "
           "tokens that were trimmed; converting it leaves them out",
           remedy,
           {}});
  }

  [[nodiscard]] std::vector<UsageNote> take() { return std::move(notes_); }

 private:
  [[nodiscard]] const std::string* find(std::string_view key) const {
    const auto entry = document_.cache.metadata.find(std::string(key));
    return entry == document_.cache.metadata.end() ? nullptr : &entry->second;
  }
  /// Of what generate wants. Targets alike say the same.
  void add(std::string what, Remedy remedy) {
    if (std::ranges::find(notes_, what, &UsageNote::what) != notes_.end()) return;
    notes_.push_back({std::move(what), std::move(remedy), "mlx_lm.generate"});
  }

  const Document& document_;
  std::vector<UsageNote> notes_;
};

}  // namespace

std::vector<UsageNote> usage_notes(const Document& document, const Findings& findings, std::span<const Target> targets) {
  // No command edits a file with errors (require_sound): it needs mending, not metadata.
  if (std::any_of(findings.begin(), findings.end(), prevents_editing) || document.format == nullptr) return {};
  Notes notes(document);
  const Target own[] = {document.format->era};
  const bool batch = holds_batch(document.cache);
  for (const Target& target : targets.empty() ? std::span<const Target>(own) : targets) {
    // mlx-lm 0.18 is never written, so no command could add what is missing.
    if (batch || dialect(target.era()).family != Family::mlx_lm || target.era() == Era::L0) continue;
    notes.missing();
    notes.tokenizer_config();
    if (target.touches(first, last_with_template)) notes.chat_template(target);
    notes.needed_options();
  }
  notes.worth_rewriting();
  return notes.take();
}

}  // namespace kvcache
