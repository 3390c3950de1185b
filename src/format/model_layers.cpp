// Heads and dims of the layers that attend, and how the layers of a model are put together.
#include "format/model_layers.h"

#include <set>

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

using Kind = LayerSpec::Kind;

// What mlx-lm's model classes assume where a config is silent, as those of gemma 3 are.
struct Defaults {
  std::string_view model_type;
  std::int64_t heads, kv_heads, head_dim, window;
};
constexpr Defaults defaults[] = {
    {"gemma3", 8, 4, 256, 1024},   {"gemma3_text", 4, 1, 256, 512},     {"gpt_oss", 64, 8, 64, 128},
    {"cohere2", 64, 8, 128, 4096}, {"recurrent_gemma", 10, 1, 0, 2048}, {"falcon_h1", 8, 2, 64, 0},
};

const Defaults& defaults_of(std::string_view model_type) {
  static constexpr Defaults none{};
  for (const Defaults& d : defaults)
    if (d.model_type == model_type) return d;
  return none;
}

// Multi-head latent attention, decompressed before it is cached: mlx-lm does so in these models only.
const std::set<std::string_view> decompressed_latents = {"deepseek_v2", "minicpm3"};
// These keep a second small cache beside it, whose values have no width, for the indexer of sparse attention.
const std::set<std::string_view> with_indexer = {"deepseek_v32", "glm_moe_dsa"};

std::int64_t query_heads(const ModelFields& fields, const Defaults& d) {
  if (const auto heads = fields.size({"num_attention_heads", "n_head", "n_heads"})) return *heads;
  return d.heads > 0 ? d.heads : fields.required_size({"num_attention_heads"});
}

std::int64_t head_dim_of(const ModelFields& fields, std::int64_t heads, const Defaults& d) {
  if (const auto dim = fields.size({"head_dim", "attention_head_dim"})) return *dim;
  if (d.head_dim > 0) return d.head_dim;
  const std::int64_t dim = fields.required_size({"hidden_size", "n_embd", "d_model"}) / heads;
  if (dim == 0) throw Error(ErrorKind::unreadable, "hidden_size is smaller than num_attention_heads");
  return dim;
}

LayerSpec latent_attention(std::string_view type, const ModelFields& fields) {
  LayerSpec spec;
  const std::int64_t rank = fields.required_size({"kv_lora_rank"});
  const std::int64_t rope = fields.required_size({"qk_rope_head_dim"});
  if (decompressed_latents.contains(type)) {
    spec.kv_heads = query_heads(fields, {});
    spec.key_dim = fields.required_size({"qk_nope_head_dim"}) + rope;
    spec.value_dim = fields.required_size({"v_head_dim"});
  } else {
    spec.kv_heads = 1;
    spec.key_dim = rank;
    spec.value_dim = rope;
  }
  return spec;
}

// Gemma 4 gives layers that see everything wider heads, and fewer of them.
void widen_global(const ModelFields& fields, LayerSpec& spec) {
  const auto dim = fields.size({"global_head_dim"});
  if (!dim) return;
  spec.key_dim = spec.value_dim = *dim;
  if (fields.flag("attention_k_eq_v")) spec.kv_heads = fields.size_or("num_global_key_value_heads", spec.kv_heads);
}

// Baichuan M1's windows have heads of their own.
void own_heads_of_windows(const ModelFields& fields, LayerSpec& spec) {
  spec.kv_heads = fields.size_or("num_swa_key_value_heads", spec.kv_heads);
  if (const auto heads = fields.size({"num_swa_attention_heads"}))
    spec.key_dim = spec.value_dim = head_dim_of(fields, *heads, {});
}

LayerSpec attention(std::string_view type, const ModelFields& fields, Memory memory) {
  const Defaults& d = defaults_of(type);
  LayerSpec spec;
  if (fields.has("kv_lora_rank")) {
    spec = latent_attention(type, fields);
  } else {
    const std::int64_t heads = query_heads(fields, d);
    spec.kv_heads = fields.size({"num_key_value_heads", "num_kv_heads"}).value_or(d.kv_heads > 0 ? d.kv_heads : heads);
    spec.key_dim = head_dim_of(fields, heads, d);
    spec.value_dim = fields.size_or("v_head_dim", spec.key_dim);
  }
  if (memory == Memory::full) {
    widen_global(fields, spec);
  } else if (memory == Memory::chunked) {
    spec.kind = Kind::chunked;
    spec.chunk_size = fields.size_or("attention_chunk_size", 8192);
  } else if (const auto window = fields.size({"sliding_window", "attention_window_size"}); window || d.window > 0) {
    spec.kind = Kind::rotating;
    spec.max_size = window.value_or(d.window);
    own_heads_of_windows(fields, spec);
  } else if (fields.has("layer_types")) {
    throw Error(ErrorKind::unreadable, "layer_types names sliding attention, but there is no sliding_window");
  }
  return spec;
}

LayerSpec list_of(std::vector<LayerSpec> children) {
  LayerSpec spec;
  spec.kind = Kind::list;
  spec.children = std::move(children);
  return spec;
}

LayerSpec attending_layer(std::string_view type, const ModelFields& fields, Memory memory) {
  LayerSpec spec = attention(type, fields, memory);
  if (type == "falcon_h1") return list_of({recurrent_layer(type, fields), spec});
  if (type == "longcat_flash" || type == "longcat_flash_ngram") return list_of({spec, spec});
  if (type == "baichuan_m1") {
    LayerSpec state = unknown_slots(2);
    state.slot_shapes.assign(2, {spec.kv_heads, fields.size_or("conv_window", 2) - 1, spec.key_dim});
    return list_of({std::move(state), spec});
  }
  if (with_indexer.contains(type)) {
    LayerSpec indexer;
    indexer.kv_heads = 1;
    indexer.key_dim = fields.required_size({"index_head_dim"});
    return list_of({spec, std::move(indexer)});
  }
  return spec;
}

}  // namespace

std::vector<LayerSpec> model_layers(std::string_view type, const ModelFields& fields) {
  std::vector<LayerSpec> layers;
  // It remembers the last token ids for its n-grams.
  if (type == "longcat_flash_ngram") layers.push_back(unknown_slots(1));
  for (const Memory memory : memory_pattern(type, fields)) {
    if (memory == Memory::none) continue;
    layers.push_back(memory == Memory::recurrent ? recurrent_layer(type, fields) : attending_layer(type, fields, memory));
  }
  return layers;
}

}  // namespace kvcache::detail
