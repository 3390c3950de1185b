// Which layers of a model attend to everything, to a window or chunk, or keep a recurrent state. Read off mlx-lm 0.31's models.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "format/model_layers.h"
#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

using Pattern = std::vector<Memory>;
using ModelTypes = std::set<std::string_view>;

// Not a limit of any model: what a mistaken or hostile number of layers would otherwise cost.
constexpr std::int64_t most_layers = 100000;

// mlx-lm keeps all tokens for these, whatever their config says of windows.
const ModelTypes ignore_windows = {"gemma2",    "phi3",     "qwen2",         "qwen2_5_vl", "qwen2_5_vl_text",
                                   "qwen2_moe", "qwen2_vl", "qwen2_vl_text", "qwen3",      "qwen3_moe"};

// Fields that only models with recurrent layers have.
constexpr std::array recurrent_fields = {"ssm_state_size", "mamba_d_state", "state_size",     "linear_num_value_heads",
                                         "lru_width",      "ssm_cfg",       "attn_type_list", "layer_group_size"};

Memory memory_of(const std::string& name) {
  static const std::map<std::string_view, Memory> names = {{"full_attention", Memory::full},
                                                           {"attention", Memory::full},
                                                           {"global_attention", Memory::full},
                                                           {"sliding_attention", Memory::sliding},
                                                           {"local_attention", Memory::sliding},
                                                           {"chunked_attention", Memory::chunked},
                                                           {"linear_attention", Memory::recurrent},
                                                           {"mamba", Memory::recurrent},
                                                           {"mamba2", Memory::recurrent},
                                                           {"conv", Memory::recurrent},
                                                           {"recurrent", Memory::recurrent},
                                                           {"mlp", Memory::none},
                                                           {"moe", Memory::none}};
  const auto found = names.find(name);
  if (found != names.end()) return found->second;
  throw Error(ErrorKind::impossible, fmt::format("a layer of type '{}' is not known", name));
}

Pattern of_names(const std::vector<std::string>& names) {
  Pattern pattern;
  for (const std::string& name : names) pattern.push_back(memory_of(name));
  return pattern;
}

// "MEM*-": Mamba, attention, and blocks without memory.
Pattern of_letters(std::string_view letters) {
  Pattern pattern;
  for (const char letter : letters) {
    if (letter != 'M' && letter != '*' && letter != '-' && letter != 'E')
      throw Error(ErrorKind::unreadable, "hybrid_override_pattern has letters other than M, *, - and E");
    pattern.push_back(letter == 'M' ? Memory::recurrent : letter == '*' ? Memory::full : Memory::none);
  }
  return pattern;
}

// `pattern` over and over.
Pattern repeated(const Pattern& pattern, std::size_t layers) {
  Pattern all;
  for (std::size_t i = 0; i < layers; ++i) all.push_back(pattern.empty() ? Memory::full : pattern[i % pattern.size()]);
  return all;
}

// Every `period`-th layer, the last of its group, is full.
Pattern every(std::int64_t period, Memory others, std::size_t layers) {
  Pattern all;
  for (std::size_t i = 0; i < layers; ++i)
    all.push_back((i + 1) % static_cast<std::size_t>(period) == 0 ? Memory::full : others);
  return all;
}

// "LLLG": local and global.
Pattern of_local_and_global(const std::string& letters, std::size_t layers) {
  Pattern pattern;
  for (const char letter : letters) pattern.push_back(letter == 'L' ? Memory::sliding : Memory::full);
  return repeated(pattern, layers);
}

// These layers, numbered from `base`, are full.
Pattern full_at(const std::vector<std::int64_t>& indices, std::int64_t base, Memory others, std::size_t layers) {
  Pattern all(layers, others);
  for (const std::int64_t index : indices) {
    const auto at = static_cast<std::size_t>(index - base);
    if (index >= base && at < layers) all[at] = Memory::full;
  }
  return all;
}

Pattern jamba(const ModelFields& fields, std::size_t layers) {
  const std::int64_t period = fields.size_or("attn_layer_period", 8);
  const std::int64_t offset = fields.count_or("attn_layer_offset", 4);
  Pattern all;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(layers); ++i)
    all.push_back(i % period == offset ? Memory::full : Memory::recurrent);
  return all;
}

Pattern kimi_linear(const ModelFields& fields, std::size_t layers) {
  const auto linear = fields.object("linear_attn_config");
  const auto full = linear ? linear->integers("full_attn_layers") : std::nullopt;
  return full_at(full.value_or(std::vector<std::int64_t>{}), 1, Memory::recurrent, layers);
}

// The rules of single models, for configs without layer_types; nothing for all others.
std::optional<Pattern> own_rule(std::string_view type, const ModelFields& fields, std::size_t layers) {
  const auto sliding_period = [&](std::int64_t otherwise) {
    return every(fields.size({"sliding_window_pattern", "_sliding_window_pattern"}).value_or(otherwise), Memory::sliding,
                 layers);
  };
  if (type == "gemma3" || type == "gemma3_text") return sliding_period(6);
  if (type == "gemma3n" || type == "gemma3n_text") return sliding_period(5);
  if (type == "cohere2" || type == "cohere2_moe") return sliding_period(4);
  if (type == "gpt_oss") return repeated({Memory::sliding, Memory::full}, layers);
  if (type == "llama4" || type == "llama4_text") return every(4, Memory::chunked, layers);
  if (type.starts_with("qwen3_next") || type.starts_with("qwen3_5"))
    return every(fields.size_or("full_attention_interval", 4), Memory::recurrent, layers);
  if (type == "recurrent_gemma") {
    Pattern pattern = of_names(fields.texts(fields.has("block_types") ? "block_types" : "_block_types")
                                   .value_or(std::vector<std::string>{"recurrent", "recurrent", "attention"}));
    std::replace(pattern.begin(), pattern.end(), Memory::full, Memory::sliding);
    return repeated(pattern, layers);
  }
  if (type == "jamba") return jamba(fields, layers);
  if (type == "kimi_linear") return kimi_linear(fields, layers);
  if (type == "lfm2" || type == "lfm2_moe")
    return full_at(fields.integers("full_attn_idxs").value_or(std::vector<std::int64_t>{}), 0, Memory::recurrent, layers);
  if (type == "mamba" || type == "mamba2" || type == "falcon_mamba" || type == "rwkv7")
    return Pattern(layers, Memory::recurrent);
  if (type == "baichuan_m1") {
    Pattern pattern(layers, Memory::full);
    for (const std::int64_t i : fields.integers("sliding_window_layers").value_or(std::vector<std::int64_t>{}))
      if (i >= 0 && static_cast<std::size_t>(i) < layers) pattern[static_cast<std::size_t>(i)] = Memory::sliding;
    return pattern;
  }
  // Attention and Mamba side by side in every layer.
  if (type == "falcon_h1") return Pattern(layers, Memory::full);
  return std::nullopt;
}

Pattern find_pattern(std::string_view type, const ModelFields& fields) {
  if (fields.is_text("hybrid_override_pattern")) return of_letters(*fields.text("hybrid_override_pattern"));
  if (const auto blocks = fields.texts("layers_block_type")) return of_names(*blocks);
  const std::int64_t count = fields.required_size({"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
  if (count > most_layers) throw Error(ErrorKind::unreadable, fmt::format("{} layers are more than any model has", count));
  const auto layers = static_cast<std::size_t>(count);
  if (ignore_windows.contains(type)) return Pattern(layers, Memory::full);
  if (const auto types = fields.texts("layer_types")) {
    if (types->size() != layers)
      throw Error(ErrorKind::unreadable, fmt::format("{} layer_types for {} layers", types->size(), layers));
    return of_names(*types);
  }
  // The one rule of several models (exaone4): letters where others have a number.
  if (fields.is_text("sliding_window_pattern")) return of_local_and_global(*fields.text("sliding_window_pattern"), layers);
  if (auto pattern = own_rule(type, fields, layers)) return *std::move(pattern);
  for (const char* field : recurrent_fields)
    if (fields.has(field))
      throw Error(ErrorKind::impossible,
                  fmt::format("'{}' has recurrent layers ({}), in an arrangement that is not known here", type, field),
                  "give the number of layers, heads and the head dim instead");
  return Pattern(layers, Memory::full);
}

}  // namespace

std::vector<Memory> memory_pattern(std::string_view model_type, const ModelFields& fields) {
  Pattern pattern = find_pattern(model_type, fields);
  // The last ones use the cache of an earlier layer.
  const std::int64_t shared = fields.count_or("num_kv_shared_layers", 0);
  if (shared > static_cast<std::int64_t>(pattern.size()))
    throw Error(ErrorKind::unreadable, fmt::format("num_kv_shared_layers {} of {} layers", shared, pattern.size()));
  pattern.resize(pattern.size() - static_cast<std::size_t>(shared));
  return pattern;
}

}  // namespace kvcache::detail
