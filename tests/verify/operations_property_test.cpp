// Operations and findings hold together: of random states of every class, legal and not, an operation refuses those with a
// finding that blocks, by that finding, and no others for a finding; and what it makes of a state without findings has none.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"
#include "kvcache/verify.h"
#include "verify/rules.h"

namespace kvcache {
namespace {

using Layer = std::unique_ptr<Cache>;
using Rows = std::int64_t;

/// A number of [low, high].
std::int64_t number(std::int64_t low, std::int64_t high) {
  return *rc::gen::inRange(low, high + 1);
}
bool one_in(std::int64_t chances) {
  return number(1, chances) == 1;
}
/// As it is, or, now and then, another one near by.
void disturb(std::int64_t& value) {
  if (one_in(5)) value += number(-3, 3);
}
void disturb(Int32s& values) {
  for (std::int32_t& value : values)
    if (one_in(6)) value += static_cast<std::int32_t>(number(-3, 3));
  if (one_in(20)) values.push_back(0);
  if (one_in(20) && !values.empty()) values.pop_back();
}

Tensor floats(Rows rows, std::int64_t batch = 1, std::int64_t dim = 64) {
  return Tensor::zeros(Dtype::F32, {batch, 2, rows, dim});
}

/// Keys and values of so many rows; now and then they do not fit together.
template <class State>
void set_arrays(State& s, Rows rows, std::int64_t batch = 1) {
  s.keys = floats(rows, batch);
  s.values = floats(one_in(25) ? rows + 1 : rows, one_in(25) ? batch + 1 : batch);
  if (one_in(40)) s.values = Tensor();
  if (one_in(40)) s.values = Tensor::zeros(Dtype::F32, {batch, rows, 64});
}

/// Some updates of one row or of several.
void grow(Cache& cache, std::int64_t batch = 1) {
  for (std::int64_t i = number(0, 4); i > 0; --i) {
    const Rows rows = one_in(2) ? 1 : number(2, 5);
    cache.update(floats(rows, batch), floats(rows, batch));
  }
}

Layer any_plain() {
  KVCache::State s;
  if (!one_in(8)) set_arrays(s, number(0, 6));
  return std::make_unique<KVCache>(std::move(s));
}

Layer any_rotating() {
  const std::int64_t max_size = number(1, 6);
  RotatingKVCache cache(max_size, number(0, max_size - 1));
  grow(cache);
  RotatingKVCache::State s = cache.state();
  if (one_in(2)) {
    s.wrapped = s.idx < (s.keys.defined() ? s.keys.dim(2) : 0);
    // As mlx-swift-lm leaves it when it takes tokens off a window that had wrapped.
    if (one_in(3) && s.keys.defined() && !*s.wrapped) {
      s.idx = number(0, s.keys.dim(2));
      s.keys = s.keys.slice(2, 0, s.idx);
      s.values = s.values.slice(2, 0, s.idx);
    }
  }
  if (one_in(8)) s.wrapped = one_in(2);
  if (one_in(8)) s.reserve = number(-1, 3);
  if (one_in(8)) set_arrays(s, number(0, 7));
  for (std::int64_t* field : {&s.keep, &s.max_size, &s.offset, &s.idx}) disturb(*field);
  return std::make_unique<RotatingKVCache>(std::move(s));
}

Layer any_quantized() {
  QuantizedKVCache::State s;
  s.bits = *rc::gen::element<std::int64_t>(2, 3, 4, 5, 6, 8);
  s.group_size = *rc::gen::element<std::int64_t>(32, 64);
  if (!one_in(8)) {
    const Rows rows = number(0, 6);
    for (Quantized* side : {&s.keys, &s.values}) {
      side->weights = Tensor::zeros(Dtype::U32, {1, 2, rows, 64 * s.bits / 32 + (one_in(25) ? 1 : 0)});
      side->scales = floats(one_in(25) ? rows + 1 : rows, 1, 64 / s.group_size);
      side->biases = floats(rows, 1, one_in(25) ? 5 : 64 / s.group_size);
    }
    s.offset = rows;
    if (one_in(10)) s.keys.biases = s.values.biases = Tensor();
    if (one_in(25)) s.values.biases = Tensor();
    if (one_in(25)) s.values.weights = Tensor();
  }
  if (one_in(6)) s.bits = number(-1, 9);
  if (one_in(6)) s.group_size = *rc::gen::element<std::int64_t>(-1, 0, 16, 32, 48, 64, 128);
  disturb(s.offset);
  return std::make_unique<QuantizedKVCache>(std::move(s));
}

Layer any_chunked() {
  ChunkedKVCache::State s;
  s.chunk_size = number(1, 6);
  if (one_in(8)) s.chunk_size.reset();
  if (!one_in(8)) {
    const Rows valid = number(0, 6);
    s.start_position = one_in(2) ? 0 : number(0, 6);
    set_arrays(s, valid + (one_in(2) ? s.start_position : 0));
    if (one_in(2)) s.true_offset = s.start_position + valid;
    s.offset_stored = s.true_offset && one_in(2);
  }
  if (s.chunk_size) disturb(*s.chunk_size);
  disturb(s.start_position);
  if (s.true_offset) disturb(*s.true_offset);
  return std::make_unique<ChunkedKVCache>(std::move(s));
}

Layer any_arrays() {
  ArraysCache::State s;
  const std::int64_t batch = number(1, 3);
  for (std::int64_t i = number(0, 3); i > 0; --i) {
    Shape shape{one_in(12) ? batch + 1 : batch, 4};
    if (one_in(20)) shape.clear();
    s.slots.push_back(one_in(4) ? Tensor() : Tensor::zeros(Dtype::F32, std::move(shape)));
  }
  const auto list = [&] {
    Int32s values(static_cast<std::size_t>(batch), 1);
    disturb(values);
    return values;
  };
  if (one_in(3)) s.left_padding = list();
  if (one_in(3)) s.lengths = list();
  return std::make_unique<ArraysCache>(std::move(s));
}

Int32s paddings(std::int64_t batch) {
  Int32s values;
  for (std::int64_t b = 0; b < batch; ++b) values.push_back(static_cast<std::int32_t>(number(0, 2)));
  return values;
}

template <class State>
void disturb_batch(State& s, std::int64_t batch) {
  if (one_in(10)) set_arrays(s, number(0, 7), batch);
  disturb(s.offset);
  disturb(s.left_padding);
}

Layer any_batch() {
  const std::int64_t batch = number(1, 3);
  BatchKVCache cache(paddings(batch));
  grow(cache, batch);
  BatchKVCache::State s = cache.state();
  disturb_batch(s, batch);
  return std::make_unique<BatchKVCache>(std::move(s));
}

Layer any_batch_rotating() {
  const std::int64_t batch = number(1, 3);
  BatchRotatingKVCache cache(number(1, 6), paddings(batch));
  grow(cache, batch);
  BatchRotatingKVCache::State s = cache.state();
  disturb_batch(s, batch);
  for (std::int64_t* field : {&s.max_size, &s.total, &s.idx}) disturb(*field);
  if (one_in(10)) s.rotated = !s.rotated;
  return std::make_unique<BatchRotatingKVCache>(std::move(s));
}

Layer any_turbo() {
  using Form = TurboQuantKVCache::Form;
  TurboQuantKVCache::State s;
  s.value_bits = number(1, 8);
  if (!one_in(8)) {
    const Rows rows = number(0, 6);
    const auto codes = [&](std::int64_t bits) {
      return Tensor::zeros(Dtype::U32, {1, 2, one_in(25) ? rows + 1 : rows, (64 * bits + 31) / 32 + (one_in(20) ? 9 : 0)});
    };
    s.form = *rc::gen::element(Form::plain, Form::raw_keys, Form::affine_keys, Form::symmetric);
    const Tensor norms = Tensor::zeros(Dtype::F32, {1, 2, rows});
    switch (s.form) {
      case Form::plain:
        s.arrays = {floats(rows), floats(rows)};
        break;
      case Form::raw_keys:
        s.arrays = {floats(rows), codes(s.value_bits), norms};
        break;
      case Form::affine_keys:
        s.key_bits = 8;
        s.arrays = {codes(8), floats(rows, 1, 2), floats(rows, 1, 2), codes(s.value_bits), norms};
        break;
      case Form::symmetric:
        s.key_bits = number(1, 7);
        s.arrays = {codes(s.key_bits), norms, codes(s.value_bits), norms};
        if (one_in(2)) s.arrays.push_back(Tensor::zeros(Dtype::F32, {one_in(8) ? 640 : 64}));
        break;
    }
    s.offset = rows;
    if (one_in(20)) s.form = Form::symmetric;
  }
  disturb(s.offset);
  if (one_in(12)) s.value_bits = number(-1, 12);
  return std::make_unique<TurboQuantKVCache>(std::move(s));
}

Layer any_variance_normalized() {
  VarianceNormalizedKVCache::State s;
  s.tile_size = *rc::gen::element<std::int64_t>(32, 64, 128);
  s.tile_count = number(0, 2);
  s.tail_length = number(0, 5);
  for (std::int64_t i = 0; i < 8 * s.tile_count; ++i) s.arrays.push_back(floats(4));
  if (s.tail_length > 0)
    for (int i = 0; i < 2; ++i) s.arrays.push_back(floats(one_in(12) ? s.tail_length + 1 : s.tail_length));
  s.offset = s.tile_count * s.tile_size + s.tail_length;
  for (std::int64_t* field : {&s.tile_size, &s.tail_length, &s.offset}) disturb(*field);
  if (one_in(20)) s.arrays.resize(s.arrays.size() / 2);
  return std::make_unique<VarianceNormalizedKVCache>(std::move(s));
}

/// What `verify` says of a cache, wherever it is in a file.
Findings findings_of(const Cache& cache) {
  Findings findings;
  detail::check_class({.cache = &cache, .where = Where::of_layer(0), .is_child = true}, findings);
  if (const auto* list = as<CacheList>(cache))
    for (const auto& child : list->children()) {
      const Findings inner = findings_of(*child);
      findings.insert(findings.end(), inner.begin(), inner.end());
    }
  return findings;
}

/// What an operation makes of a copy of a cache.
struct Operation {
  const char* name;
  std::function<void(Layer&)> run;
};

/// On the cache as the only layer of a prompt cache.
template <class F>
void as_layer(Layer& cache, F&& f) {
  PromptCache all;
  all.layers.push_back(std::move(cache));
  f(all);
  cache = std::move(all.layers.front());
}

Operation trim() {
  return {"trim", [n = number(0, 3)](Layer& c) { c->trim(n); }};
}
Operation update() {
  return {"update", [n = number(1, 4)](Layer& c) {
            const std::int64_t batch = c->batch_size().value_or(1);
            c->update(floats(n, batch), floats(n, batch));
          }};
}
Operation cast() {
  return {"cast", [](Layer& c) { as_layer(c, [](PromptCache& all) { cast_prompt_cache(all, Dtype::BF16, false, nullptr); }); }};
}
Operation merge() {
  return {"merge", [](Layer& c) {
            const Cache* const twice[] = {c.get(), c.get()};
            c = c->merge(twice);
          }};
}
Operation quantize() {
  return {"quantize", [](Layer& c) {
            as_layer(c, [](PromptCache& all) {
              QuantizeRequest request;
              request.requantize = true;
              quantize_prompt_cache(all, request);
            });
          }};
}
std::vector<Operation> of_batches() {
  return {{"filter", [](Layer& c) { c->filter(std::vector<std::int64_t>{0}); }},
          {"extend", [](Layer& c) { c->extend(*c->copy()); }},
          {"extract", [](Layer& c) { c = c->extract(0); }},
          {"prepare and finalize", [](Layer& c) {
             c->prepare(Int32s(static_cast<std::size_t>(c->batch_size().value_or(1)), 1));
             c->finalize();
           }}};
}

/// Those that look at the numbers of a class.
std::vector<Operation> operations_of(const Cache& cache) {
  using All = std::vector<Operation>;
  return visit(
      cache,
      PerClass{
          [](const KVCache&) {
            return All{trim(),
                       update(),
                       cast(),
                       merge(),
                       quantize(),
                       {"window", [](Layer& c) {
                                              as_layer(c, [](PromptCache& all) { convert_to_rotating(all, 4, 1); }); }}};
          },
          [](const RotatingKVCache&) {
            return All{trim(),
                       update(),
                       cast(),
                       merge(),
                       {"unrotate", [](Layer& c) { as_layer(c, [](PromptCache& all) { unrotate_prompt_cache(all); }); }},
                       {"plain", [](Layer& c) { as_layer(c, [](PromptCache& all) { convert_to_plain(all); }); }}};
          },
          [](const QuantizedKVCache&) {
            return All{trim(), update(), quantize(), {"dequantize", [](Layer& c) {
                                                        as_layer(c, [](PromptCache& all) { dequantize_prompt_cache(all, {}); });
                                                      }}};
          },
          [](const ChunkedKVCache&) {
            return All{trim(), update(), cast(), {"repaired", [](Layer& c) {
                                                    c = std::make_unique<ChunkedKVCache>(as<ChunkedKVCache>(*c)->repaired());
                                                  }}};
          },
          [](const ArraysCache&) {
            All all = of_batches();
            all.push_back(merge());
            return all;
          },
          [](const CacheList&) { return All{trim()}; },
          [](const OneOf<BatchKVCache, BatchRotatingKVCache> auto&) {
            All all = of_batches();
            for (const Operation& more : {trim(), update(), cast()}) all.push_back(more);
            return all;
          },
          [](const OneOf<TurboQuantKVCache, VarianceNormalizedKVCache> auto&) { return All{trim()}; },
          [](const OpaqueCache&) { return All{}; }});
}

/// Never used, a cache has no tokens to work on, and some operations do nothing to it.
bool may_pass(const Cache& cache) {
  return cache.empty();
}

/// A chunked layer has its padding in files only, where loaders need it (KV432): operations leave it out, and writing puts it
/// back.
Layer as_written(Layer cache) {
  if (const auto* const chunked = as<ChunkedKVCache>(*cache)) return std::make_unique<ChunkedKVCache>(chunked->repaired());
  return cache;
}

void hold_together(const Cache& cache, int& legal, int& refused) {
  const Findings before = findings_of(cache);
  const auto blocking = std::find_if(before.begin(), before.end(), prevents_editing);
  ++(blocking == before.end() ? legal : refused);
  for (const Operation& operation : operations_of(cache)) {
    Layer result = cache.copy();
    const auto error = [&]() -> std::optional<Error> {
      try {
        operation.run(result);
      } catch (const Error& e) {
        return e;
      }
      return std::nullopt;
    }();
    const std::string context =
        fmt::format("{} of a {}: {}", operation.name, cache.class_name(), error ? error->what() : std::string("done"));
    if (blocking != before.end()) {
      if (may_pass(cache) && !error) continue;
      if (!error) RC_FAIL(fmt::format("{}, although {} {}", context, blocking->code, blocking->message));
      if (cache.kind() == CacheKind::list) continue;  // names the first child that refuses
      RC_ASSERT(error->kind() == ErrorKind::impossible);
      if (error->code() != blocking->code || std::string(error->what()).find(blocking->message) == std::string::npos)
        RC_FAIL(fmt::format("{}, but the finding is {} {}", context, blocking->code, blocking->message));
      continue;
    }
    if (error) {
      if (!error->code().empty()) RC_FAIL(fmt::format("{} ({}), without a finding", context, error->code()));
      continue;
    }
    for (const Finding& finding : findings_of(*as_written(std::move(result))))
      if (before.empty() || prevents_editing(finding))
        RC_FAIL(fmt::format("{}, and then {} {}", context, finding.code, finding.message));
  }
}

void check_class_of(const std::function<Layer()>& any) {
  int legal = 0;
  int refused = 0;
  EXPECT_TRUE(rc::check([&] {
    for (int i = 0; i < 4; ++i) hold_together(*any(), legal, refused);
  }));
  // Else nothing was tried.
  EXPECT_GT(legal, 40);
  EXPECT_GT(refused, 10);
}

TEST(OperationsAndFindings, Plain) {
  check_class_of(any_plain);
}
TEST(OperationsAndFindings, Rotating) {
  check_class_of(any_rotating);
}
TEST(OperationsAndFindings, Quantized) {
  check_class_of(any_quantized);
}
TEST(OperationsAndFindings, Chunked) {
  check_class_of(any_chunked);
}
TEST(OperationsAndFindings, Arrays) {
  check_class_of(any_arrays);
}
TEST(OperationsAndFindings, Batch) {
  check_class_of(any_batch);
}
TEST(OperationsAndFindings, BatchRotating) {
  check_class_of(any_batch_rotating);
}
TEST(OperationsAndFindings, TurboQuant) {
  check_class_of(any_turbo);
}
TEST(OperationsAndFindings, VarianceNormalized) {
  check_class_of(any_variance_normalized);
}
TEST(OperationsAndFindings, List) {
  check_class_of([] {
    std::vector<Layer> children;
    children.push_back(any_plain());
    children.push_back(one_in(2) ? any_quantized() : any_turbo());
    return std::make_unique<CacheList>(std::move(children));
  });
}

}  // namespace
}  // namespace kvcache
