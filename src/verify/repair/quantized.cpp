// Layers of packed codes: bits and group size that contradict the arrays, and offsets that contradict the rows.
#include <fmt/format.h>

#include "verify/repair/options.h"

namespace kvcache::detail {
namespace {

using QuantizedState = QuantizedKVCache::State;

constexpr std::int64_t known_bits[] = {2, 3, 4, 5, 6, 8};
constexpr std::int64_t known_groups[] = {32, 64, 128};

/// Values per row, where bits and group size fit the arrays.
std::optional<std::int64_t> head_dim(const Quantized& q, std::int64_t bits, std::int64_t group_size) {
  const std::int64_t bit_count = q.weights.dim(-1) * 32;
  if (bit_count % bits != 0 || bit_count / bits != q.scales.dim(-1) * group_size) return std::nullopt;
  return bit_count / bits;
}

std::optional<std::int64_t> last_dim(const Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor.dim(-1)) : std::nullopt;
}

/// Head dims of keys or of values, of every class that tells.
Votes head_dims(const Examination& all, bool of_keys) {
  const auto plain = [of_keys](const auto& s) { return last_dim(of_keys ? s.keys : s.values); };
  Votes votes;
  const auto take = [&votes](const Votes& more) {
    for (const auto& [value, where] : more.all()) votes.add(value, where);
  };
  take(all.votes<KVCache>(plain));
  take(all.votes<RotatingKVCache>(plain));
  take(all.votes<ChunkedKVCache>(plain));
  take(all.votes<QuantizedKVCache>(
      [of_keys](const QuantizedState& s) { return head_dim(of_keys ? s.keys : s.values, s.bits, s.group_size); }));
  return votes;
}

/// The arrays fix the ratio of bits to group size; what other layers say decides between the pairs that have it. Alone, a layer
/// tells only where one of the two must be right: exactly one pair keeps one of them.
Options parameters(const QuantizedState& s, const Examination& all) {
  Options options;
  const Votes bits_votes = all.votes<QuantizedKVCache>([](const QuantizedState& other) { return std::optional(other.bits); });
  const Votes group_votes =
      all.votes<QuantizedKVCache>([](const QuantizedState& other) { return std::optional(other.group_size); });
  const Votes key_dims = head_dims(all, true);
  const Votes value_dims = head_dims(all, false);
  for (const std::int64_t bits : known_bits) {
    for (const std::int64_t group_size : known_groups) {
      const auto keys = head_dim(s.keys, bits, group_size);
      const auto values = head_dim(s.values, bits, group_size);
      if (!keys || !values) continue;
      const bool like_others = bits_votes.agree_on(bits) && group_votes.agree_on(group_size);
      const bool same_dims = key_dims.agree_on(*keys) && value_dims.agree_on(*values);
      const bool other_dims =
          (key_dims.agreed() && !key_dims.agree_on(*keys)) || (value_dims.agreed() && !value_dims.agree_on(*values));
      const bool one_change = (bits == s.bits) != (group_size == s.group_size);
      if (other_dims || !(like_others || same_dims || one_change)) continue;
      QuantizedState state = s;
      state.bits = bits;
      state.group_size = group_size;
      std::string what;
      if (bits != s.bits) what = fmt::format("bits {} becomes {}", s.bits, bits);
      if (group_size != s.group_size)
        what += fmt::format("{}group_size {} becomes {}", what.empty() ? "" : ", ", s.group_size, group_size);
      const bool backed = like_others || same_dims;
      options.add<QuantizedKVCache>(std::move(state), std::move(what),
                                    backed ? "as the arrays and the other layers have it" : "as the arrays have it", backed);
    }
  }
  return options;
}

QuantizedState cut(const QuantizedState& s) {
  QuantizedState state = s;
  for (Quantized* q : {&state.keys, &state.values})
    for (Tensor* t : {&q->weights, &q->scales, &q->biases})
      if (t->defined()) *t = t->slice(2, 0, s.offset);
  return state;
}

}  // namespace

Options options_for_quantized(const Place& place, std::string_view code, const Examination& all) {
  const QuantizedState& s = place.as<QuantizedKVCache>()->state();
  if (!s.keys.weights.defined() || !s.values.weights.defined()) return {};
  if (code == "KV421" || code == "KV422" || code == "KV425") return parameters(s, all);
  if (code == "KV424" || code == "KV426")
    return options_for_offset<QuantizedKVCache>(s, rows_in(s.keys.weights), code == "KV426", cut, all);
  return {};
}

Options options_for_turbo(const Place& place, std::string_view code, const Examination& all) {
  const TurboQuantKVCache::State& s = place.as<TurboQuantKVCache>()->state();
  if (code != "KV481" || s.arrays.empty()) return {};
  const auto never = [](const TurboQuantKVCache::State& state) { return state; };
  return options_for_offset<TurboQuantKVCache>(s, rows_in(s.arrays.front()), false, never, all);
}

}  // namespace kvcache::detail
