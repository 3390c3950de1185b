// Random caches that given eras can hold without loss (docs/formats.md, "What conversion keeps").
#pragma once

#include <rapidcheck.h>
#include <string>
#include <utility>
#include <vector>

#include "caches.h"
#include "kvcache/format.h"

namespace test {

/// Draws caches that survive the way from era `from` through era `through` and back.
class RandomCache {
 public:
  RandomCache(kvcache::Era from, kvcache::Era through) : from_(from), eras_{from, through}, through_(through) {
    rows_ = *rc::gen::inRange<std::int64_t>(0, 7);
  }

  kvcache::PromptCache draw() {
    kvcache::PromptCache cache;
    const auto layers = *rc::gen::inRange(1, 4);
    for (int i = 0; i < layers; ++i) cache.layers.push_back(layer(2));
    const auto names = *rc::gen::container<std::vector<std::string>>(
        rc::gen::elementOf(std::vector<std::string>{"model", "tokenizer_config", "a.b", "", "0", "7", "ключ"}));
    for (const std::string& name : names)
      cache.metadata[name] = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
    if (only({Era::S4, Era::S5}) && coin()) {
      cache.model_state.emplace();
      for (const char* name : {"qwen2vl.ropeDeltas", "second"})
        cache.model_state->entries.emplace_back(name, array(kvcache::Dtype::I32, {1, 3}));
    }
    return cache;
  }

 private:
  using Era = kvcache::Era;
  using Made = std::unique_ptr<kvcache::Cache>;

  /// Every era on the way is one of these.
  [[nodiscard]] bool only(kvcache::EraSet able) const { return (eras_ - able).none(); }
  static bool coin() { return *rc::gen::arbitrary<bool>(); }
  static std::int64_t number(std::int64_t from, std::int64_t to) { return *rc::gen::inRange(from, to + 1); }
  static kvcache::Int32s numbers(std::int64_t count) {
    return *rc::gen::container<kvcache::Int32s>(static_cast<std::size_t>(count), rc::gen::inRange(-3, 9));
  }
  kvcache::Tensor array(kvcache::Dtype dtype, kvcache::Shape shape) { return patterned(dtype, std::move(shape), ++seed_); }
  std::pair<kvcache::Tensor, kvcache::Tensor> keys_and_values(std::int64_t batch, std::int64_t rows) {
    using kvcache::Dtype;
    const Dtype dtype = *rc::gen::elementOf(std::vector{Dtype::F16, Dtype::BF16, Dtype::F32});
    const std::int64_t heads = number(1, 2);
    // Sparse attention stores no values at all: head dim 0.
    return {array(dtype, {batch, heads, rows, number(1, 4)}), array(dtype, {batch, heads, rows, number(0, 3)})};
  }

  Made layer(int depth) {
    std::vector<Made (RandomCache::*)()> kinds = {&RandomCache::kv, &RandomCache::window, &RandomCache::codes,
                                                  &RandomCache::chunks, &RandomCache::state};
    const bool loads_batches = only({Era::P2, Era::P3, Era::P4, Era::P5, Era::R1});
    if (loads_batches && depth == 2) kinds.insert(kinds.end(), {&RandomCache::batched, &RandomCache::batched_window});
    if (only({Era::P5, Era::S4, Era::S5, Era::R1})) kinds.push_back(&RandomCache::unused);
    if (only({Era::P5}) && depth == 2) kinds.push_back(&RandomCache::unused_batch);
    if (only({Era::S4, Era::S5})) kinds.push_back(&RandomCache::turbo_codes);
    if (only({Era::S5})) kinds.insert(kinds.end(), {&RandomCache::short_window, &RandomCache::tiles});
    const bool loads_lists = only({Era::P3, Era::P4, Era::P5, Era::S3, Era::S4, Era::S5, Era::R1});
    if (loads_lists && depth > 0 && number(0, 3) == 0) {
      std::vector<Made> children;
      for (std::int64_t n = number(1, 3); n > 0; --n) children.push_back(layer(depth - 1));
      return std::make_unique<kvcache::CacheList>(std::move(children));
    }
    return (this->*(*rc::gen::elementOf(kinds)))();
  }

  Made kv() {
    auto [keys, values] = keys_and_values(number(1, 2), rows_);
    return std::make_unique<kvcache::KVCache>(kvcache::KVCache::State{keys, values, "KVCache"});
  }

  Made window() {
    auto [keys, values] = keys_and_values(1, rows_);
    const std::int64_t max_size = std::max<std::int64_t>(1, rows_ + number(0, 3));
    const bool wrapped = rows_ > 1 && max_size == rows_ && coin();
    kvcache::RotatingKVCache::State state{keys, values, wrapped ? 0 : number(0, max_size - 1), max_size, rows_, rows_, {}};
    if (wrapped) state.offset += number(1, 9), state.idx = number(1, rows_ - 1);
    if (only({Era::S4, Era::S5}) && coin()) state.origin = "requested";
    return std::make_unique<kvcache::RotatingKVCache>(std::move(state));
  }

  /// What is left of a window from which tokens were taken off after it had wrapped.
  Made short_window() {
    auto [keys, values] = keys_and_values(1, rows_);
    const std::int64_t max_size = rows_ + number(1, 3);
    kvcache::RotatingKVCache::State state{keys, values, number(0, rows_), max_size, rows_ + number(1, 9), rows_, {}};
    state.wrapped = false;
    return std::make_unique<kvcache::RotatingKVCache>(std::move(state));
  }

  Made tiles() { return variance_normalized(number(0, 2), number(1, 5)); }

  Made codes() {
    const std::int64_t bits = *rc::gen::elementOf(std::vector<std::int64_t>{2, 4, 8});
    const bool biases = !only({Era::S3, Era::S4, Era::S5, Era::R1}) || coin();
    const auto half = [&] {
      using kvcache::Dtype;
      return kvcache::Quantized{array(Dtype::U32, {1, 2, rows_, 2 * bits}), array(Dtype::BF16, {1, 2, rows_, 2}),
                                biases ? array(Dtype::BF16, {1, 2, rows_, 2}) : kvcache::Tensor()};
    };
    kvcache::QuantizedKVCache::State state{half(), {}, rows_, 32, bits};
    state.values = half();
    return std::make_unique<kvcache::QuantizedKVCache>(std::move(state));
  }

  Made chunks() {
    auto [keys, values] = keys_and_values(1, rows_);
    std::optional<std::int64_t> chunk_size = number(1, 8);
    if (only({Era::S3, Era::S4, Era::S5, Era::R1}) && coin()) chunk_size.reset();
    const std::int64_t start = number(0, rows_);
    // In files that store the offset, rows without tokens are cut off: elsewhere they have to be the zeros that come back.
    if (eras_.has(Era::P5))
      for (kvcache::Tensor* const array : {&keys, &values}) *array = array->slice(2, 0, rows_ - start).pad(2, 0, start);
    return std::make_unique<kvcache::ChunkedKVCache>(
        kvcache::ChunkedKVCache::State{keys, values, chunk_size, start, std::nullopt});
  }

  Made state() {
    const std::int64_t batch = number(1, 3);
    kvcache::ArraysCache::State state;
    constexpr kvcache::EraSet eras_of_swift{Era::S3, Era::S4, Era::S5};
    // One slot becomes a MambaCache of two in Swift, and comes back as one only when asked to.
    const bool to_or_from_swift = eras_of_swift.has(from_) != eras_of_swift.has(through_);
    const std::int64_t count = eras_.has(Era::P1) ? 2 : number(to_or_from_swift ? 2 : 1, 4);
    const bool may_be_unset = only({Era::P5, Era::S3, Era::S4, Era::S5, Era::R1});
    for (std::int64_t slot = 0; slot < count; ++slot) {
      const bool set = !may_be_unset || slot == 0 || coin();
      state.slots.push_back(set ? array(kvcache::Dtype::F32, {batch, number(1, 3)}) : kvcache::Tensor());
    }
    // mlxrs keeps the class name, which the others choose by their own rules.
    const bool swift = eras_of_swift.has(through_);
    if (count == 2) state.mamba = from_ != Era::R1 ? coin() : swift || through_ == Era::P1 || (through_ == Era::R1 && coin());
    if (!only({Era::P4, Era::P5, Era::S3, Era::S4, Era::S5, Era::R1}))
      return std::make_unique<kvcache::ArraysCache>(std::move(state));
    if (coin() && (!eras_.has(Era::R1) || batch <= count)) state.left_padding = numbers(batch);
    if (!eras_.has(Era::R1) && coin()) state.lengths = numbers(batch);
    return std::make_unique<kvcache::ArraysCache>(std::move(state));
  }

  Made batched() {
    auto [keys, values] = keys_and_values(2, rows_);
    return std::make_unique<kvcache::BatchKVCache>(kvcache::BatchKVCache::State{keys, values, numbers(2), numbers(2)});
  }

  Made batched_window() {
    auto [keys, values] = keys_and_values(2, rows_);
    return std::make_unique<kvcache::BatchRotatingKVCache>(kvcache::BatchRotatingKVCache::State{
        keys, values, numbers(2), numbers(2), number(1, 9), number(rows_, 9), number(0, 9), coin()});
  }

  Made unused() {
    switch (number(0, eras_.has(Era::R1) ? 2 : 3)) {
      case 0:
        return std::make_unique<kvcache::KVCache>();
      case 1:
        return std::make_unique<kvcache::RotatingKVCache>(8, 2);
      case 2:
        return std::make_unique<kvcache::QuantizedKVCache>(64, 4);
      default:
        return std::make_unique<kvcache::ChunkedKVCache>(16);
    }
  }

  Made unused_batch() {
    if (coin()) return std::make_unique<kvcache::BatchKVCache>(kvcache::Int32s{2, 0});
    return std::make_unique<kvcache::BatchRotatingKVCache>(8, kvcache::Int32s{2, 0});
  }

  Made turbo_codes() { return turbo(); }

  Era from_;
  kvcache::EraSet eras_;
  Era through_;
  std::int64_t rows_;  ///< of every layer: a chunked one takes the offset of its siblings
  unsigned seed_ = 0;
};

}  // namespace test
