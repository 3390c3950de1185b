// Slots of recurrent layers: which arrays a model's state-space, delta-rule or convolution layers keep. Shapes are without the
// batch axis, as found in files of mlx-lm 0.31 where testdata/golden/models has one.
#include "format/model_layers.h"

namespace kvcache::detail {
namespace {

struct Slot {
  std::vector<std::int64_t> shape;
  std::optional<Dtype> dtype;  // nothing: that of the model
};

LayerSpec with_slots(std::vector<Slot> slots) {
  LayerSpec spec = unknown_slots(slots.size());
  for (Slot& slot : slots) {
    spec.slot_shapes.push_back(std::move(slot.shape));
    spec.slot_dtypes.push_back(slot.dtype);
  }
  return spec;
}

// The state of a scan stays in float32, whatever the model's dtype; the last inputs of a convolution do not.
LayerSpec conv_and_scan(std::int64_t kernel, std::int64_t channels, std::vector<std::int64_t> state) {
  return with_slots({{{kernel - 1, channels}, {}}, {std::move(state), Dtype::F32}});
}

// Mamba 2, under the field names of each family.
LayerSpec mamba2(const ModelFields& fields, std::string_view heads_name, std::string_view dim_name, std::string_view state_name,
                 std::string_view groups_name, std::string_view kernel_name) {
  const std::int64_t heads = fields.required_size({heads_name});
  const std::int64_t dim = fields.required_size({dim_name});
  const std::int64_t state = fields.required_size({state_name});
  const std::int64_t inner = fields.size_or("mamba_d_ssm", heads * dim);
  const std::int64_t channels = inner + 2 * fields.size_or(groups_name, 1) * state;
  return conv_and_scan(fields.size_or(kernel_name, 4), channels, {heads, dim, state});
}

LayerSpec mamba(std::int64_t kernel, std::int64_t inner, std::int64_t state) {
  return with_slots({{{kernel - 1, inner}, {}}, {{inner, state}, {}}});
}

LayerSpec gated_delta_net(const ModelFields& fields) {
  const std::int64_t key_dim = fields.required_size({"linear_key_head_dim"});
  const std::int64_t value_dim = fields.required_size({"linear_value_head_dim"});
  const std::int64_t value_heads = fields.required_size({"linear_num_value_heads"});
  const std::int64_t channels = 2 * fields.required_size({"linear_num_key_heads"}) * key_dim + value_heads * value_dim;
  return conv_and_scan(fields.size_or("linear_conv_kernel_dim", 4), channels, {value_heads, value_dim, key_dim});
}

LayerSpec kimi_delta(const ModelFields& fields) {
  const auto linear = fields.object("linear_attn_config");
  if (!linear) return unknown_slots(4);
  const std::int64_t heads = linear->required_size({"num_heads"});
  const std::int64_t dim = linear->required_size({"head_dim"});
  const Slot conv{{linear->size_or("short_conv_kernel_size", 4) - 1, heads * dim}, {}};
  return with_slots({conv, conv, conv, {{heads, dim, dim}, Dtype::F32}});
}

LayerSpec rwkv7(const ModelFields& fields) {
  const std::int64_t hidden = fields.required_size({"hidden_size"});
  const std::int64_t dim = fields.size_or("head_dim", 64);
  return with_slots({{{1, hidden}, {}}, {{hidden / dim, dim, dim}, {}}, {{1, hidden}, {}}});
}

}  // namespace

LayerSpec unknown_slots(std::size_t slots) {
  LayerSpec spec;
  spec.kind = LayerSpec::Kind::arrays;
  spec.slots = slots;
  return spec;
}

LayerSpec recurrent_layer(std::string_view type, const ModelFields& fields) {
  if (type == "nemotron_h")
    return mamba2(fields, "mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups", "conv_kernel");
  if (type == "falcon_h1" || type == "granitemoehybrid")
    return mamba2(fields, "mamba_n_heads", "mamba_d_head", "mamba_d_state", "mamba_n_groups", "mamba_d_conv");
  if (type == "mamba2") return mamba2(fields, "num_heads", "head_dim", "state_size", "n_groups", "conv_kernel");
  if (type == "mamba" || type == "falcon_mamba")
    return mamba(fields.size_or("conv_kernel", 4), fields.required_size({"intermediate_size", "d_inner"}),
                 fields.required_size({"state_size"}));
  if (type == "jamba")
    return mamba(fields.size_or("mamba_d_conv", 4), fields.size_or("mamba_expand", 2) * fields.required_size({"hidden_size"}),
                 fields.size_or("mamba_d_state", 16));
  if (type.starts_with("qwen3_next") || type.starts_with("qwen3_5")) return gated_delta_net(fields);
  if (type == "kimi_linear") return kimi_delta(fields);
  if (type == "rwkv7") return rwkv7(fields);
  if (type == "recurrent_gemma") {
    const std::int64_t width = fields.size({"lru_width", "hidden_size"}).value_or(2560);
    return with_slots({{{fields.size_or("conv1d_width", 4) - 1, width}, {}}, {{width}, {}}});
  }
  if (type == "lfm2" || type == "lfm2_moe")
    return with_slots({{{fields.size_or("conv_L_cache", 3) - 1, fields.required_size({"hidden_size"})}, {}}});
  // A state and the last inputs of a convolution are what most models keep.
  return unknown_slots(2);
}

}  // namespace kvcache::detail
