#include "format/cached_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "format/dialects/era.h"
#include "kvcache/caches.h"

namespace kvcache::detail {
namespace {

/// What multi-head latent attention keeps of a token.
enum class Form : std::uint8_t {
  per_head,  ///< keys and values of every head, unfolded
  pair,      ///< one head: the latent as keys, the rope part as values
  joined,    ///< one head: latent and rope part together as keys; the latent again, or nothing, as values
};
using Forms = std::vector<Form>;

std::string_view in_words(Form form) {
  switch (form) {
    case Form::per_head:
      return "keys and values of every head";
    case Form::pair:
      return "latents as keys and their rope part as values";
    case Form::joined:
      break;
  }
  return "latents and rope part together as keys";
}

/// Which forms the model's code of an era takes. Empty: the runtime has no such model, or nobody knows.
struct Architecture {
  std::string_view model_type;
  Forms early;  ///< mlx-lm@0.19
  Forms p2;     ///< mlx-lm@0.28, 0.28.1 to 0.30.7: latents since 0.30.6
  Forms later;  ///< mlx-lm@0.31 and later
  Forms swift;
};

const std::array<Architecture, 4>& architectures() {
  static const std::array<Architecture, 4> all = {
      Architecture{"deepseek_v2", {Form::per_head}, {Form::per_head}, {Form::per_head}, {Form::per_head}},
      Architecture{"deepseek_v3", {Form::per_head}, {Form::per_head, Form::pair}, {Form::pair}, {Form::per_head}},
      // Joined in 0.30.5.
      Architecture{"glm4_moe_lite", {}, {Form::joined, Form::pair}, {Form::pair}, {Form::joined}},
      Architecture{"kimi_k2", {Form::per_head}, {Form::per_head, Form::pair}, {Form::pair}, {}},
  };
  return all;
}

const Architecture* find_architecture(std::string_view model_type) {
  const auto found = std::ranges::find(architectures(), model_type, &Architecture::model_type);
  return found == architectures().end() ? nullptr : &*found;
}

const Forms& forms_in(const Architecture& a, Era era) {
  static const Forms unknown;
  const Dialect& d = dialect(era);
  if (d.family == Family::mlxrs) return unknown;
  if (d.family == Family::mlx_swift_lm) return a.swift;
  return era == Era::L0 || era == Era::P1 ? a.early : era == Era::P2 ? a.p2 : a.later;
}

struct Shape3 {
  std::int64_t heads, key_dim, value_dim;
};

bool has_keys_and_values(const Cache& layer) {
  return visit(layer,
               PerClass{[](const OneOf<KVCache, QuantizedKVCache, BatchKVCache> auto&) { return true; },
                        // No model with latent attention has windows or chunks, and others have no such arrays.
                        [](const OneOf<RotatingKVCache, ChunkedKVCache, ArraysCache, CacheList, BatchRotatingKVCache,
                                       TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) { return false; }});
}

/// Of the first layer with keys and values: models with latent attention have them in every layer.
std::optional<Shape3> shape_of(const PromptCache& cache) {
  for (const auto& layer : cache.layers) {
    if (!has_keys_and_values(*layer)) continue;
    const Facts facts = layer->facts();
    if (facts.kv_heads && facts.key_dim && facts.value_dim) return Shape3{*facts.kv_heads, *facts.key_dim, *facts.value_dim};
  }
  return std::nullopt;
}

Form form_of(const Shape3& s) {
  if (s.heads > 1) return Form::per_head;
  // The rope part is a fraction of the latent: 64 of 512.
  const bool joined = s.value_dim == 0 || (s.key_dim > s.value_dim && 2 * s.value_dim >= s.key_dim);
  return joined ? Form::joined : Form::pair;
}

/// Keys and values of most models are of one width. Where they are not, latent attention is the likeliest reason.
bool looks_latent(const Shape3& s) {
  return s.key_dim > s.value_dim;
}

bool is_of(EraSet from, Family family) {
  return std::ranges::any_of(dialects(), [&](const Dialect& d) { return d.family == family && from.has(d.era); });
}

bool takes(const Architecture& a, Era era, Form form) {
  const Forms& forms = forms_in(a, era);
  return std::ranges::find(forms, form) != forms.end();
}

/// Whether the file can be of this architecture.
bool can_be_of(const Architecture& a, EraSet from, Form form) {
  return std::ranges::any_of(dialects(), [&](const Dialect& d) { return from.has(d.era) && takes(a, d.era, form); });
}

}  // namespace

std::optional<std::string_view> model_type_of_name(std::string_view name) {
  std::string plain;
  for (const char c : name) plain += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto has = [&](std::string_view part) { return plain.find(part) != std::string::npos; };
  if (has("distill")) return std::nullopt;  // DeepSeek-R1-Distill-Qwen-7B is a Qwen
  if (has("deepseek-v3.2")) return std::nullopt;
  if (has("deepseek-v3") || has("deepseek-r1") || has("moonlight-16b")) return "deepseek_v3";
  if (has("deepseek-v2") || has("deepseek-coder-v2")) return "deepseek_v2";
  if (has("glm-4.7-flash") || has("glm4-moe-lite")) return "glm4_moe_lite";
  if (has("kimi-k2") && !has("kimi-k2.5")) return "kimi_k2";
  return std::nullopt;
}

FormVerdict judge_form(const PromptCache& cache, EraSet from, Era target, std::optional<std::string_view> model_type) {
  const auto shape = shape_of(cache);
  if (!shape) return {};
  const Form form = form_of(*shape);
  const auto sizes = [&] {
    return fmt::format("{} head{} with keys of {} and values of {}", shape->heads, shape->heads == 1 ? "" : "s", shape->key_dim,
                       shape->value_dim);
  };
  if (model_type) {
    const Architecture* const known = find_architecture(*model_type);
    if (known == nullptr) return {};
    const Forms& taken = forms_in(*known, target);
    if (taken.empty() || takes(*known, target, form)) return {};
    return {fmt::format("{}: the file holds {}, but the {} model of {} caches {}, and would decode wrongly from it", sizes(),
                        in_words(form), *model_type, dialect(target).id, in_words(taken.back())),
            {}};
  }
  if (!looks_latent(*shape)) return {};
  const Family family = dialect(target).family;
  const bool crosses = (family == Family::mlx_swift_lm && is_of(from, Family::mlx_lm) && !is_of(from, family)) ||
                       (family == Family::mlx_lm && is_of(from, Family::mlx_swift_lm) && !is_of(from, family));
  if (!crosses) return {};
  std::string models;
  for (const Architecture& a : architectures()) {
    if (forms_in(a, target).empty() || takes(a, target, form) || !can_be_of(a, from, form)) continue;
    models += fmt::format("{}{}", models.empty() ? "" : ", ", a.model_type);
  }
  if (models.empty()) return {};
  return {{},
          fmt::format("{}: the models of {} cache other arrays than these for {}, and would decode wrongly from them", sizes(),
                      dialect(target).id, models)};
}

}  // namespace kvcache::detail
