// Float arrays for the tests of conversions: values in any of the three types, and inputs that are hard to quantize.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/quantize.h"
#include "tensor/quantize_scalar.h"

namespace test {

using kvcache::Dtype;
using kvcache::Shape;
using kvcache::Tensor;

using FloatBytes = std::vector<std::byte>;

inline FloatBytes to_bytes(Dtype dtype, const std::vector<float>& values) {
  FloatBytes bytes(values.size() * kvcache::item_size(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    kvcache::scalar::store(dtype, values[i], bytes.data() + i * kvcache::item_size(dtype));
  }
  return bytes;
}

inline std::vector<float> to_floats(Dtype dtype, const FloatBytes& bytes) {
  std::vector<float> values(bytes.size() / kvcache::item_size(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = kvcache::scalar::load(dtype, bytes.data() + i * kvcache::item_size(dtype));
  }
  return values;
}

inline Tensor tensor_of(Dtype dtype, Shape shape, const std::vector<float>& values) {
  return Tensor::of_bytes(dtype, std::move(shape), to_bytes(dtype, values));
}

inline FloatBytes contents(const Tensor& tensor) {
  FloatBytes bytes(tensor.nbytes());
  tensor.read(0, bytes);
  return bytes;
}

inline std::vector<float> floats_of(const Tensor& tensor) {
  return to_floats(tensor.dtype(), contents(tensor));
}

inline std::vector<float> normal_values(std::size_t count, float mean = 0, float deviation = 1) {
  std::mt19937 random(17);
  std::normal_distribution<float> distribution(mean, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

inline float largest(Dtype dtype) {
  if (dtype == Dtype::F16) return 65504.0F;
  return dtype == Dtype::BF16 ? kvcache::bf16_to_f32(0x7F7F) : std::numeric_limits<float>::max();
}
inline float smallest(Dtype dtype) {
  if (dtype == Dtype::F16) return 0x1p-24F;
  return dtype == Dtype::BF16 ? kvcache::bf16_to_f32(1) : std::numeric_limits<float>::denorm_min();
}

struct HardInput {
  std::string name;
  std::vector<float> values;
};

/// `count` finite values each. Ties are exact for codes of `bits` bits.
inline std::vector<HardInput> hard_inputs(Dtype dtype, int bits, std::size_t count) {
  std::mt19937 random(23);
  const auto make = [&](auto&& value) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = value(i);
    return values;
  };
  const auto uniform = [&](float low, float high) { return std::uniform_real_distribution<float>(low, high)(random); };
  const int top = (1 << bits) - 1;
  return {
      {"zeros", make([](std::size_t) { return 0.0F; })},
      {"zeros of both signs", make([&](std::size_t) { return random() % 2 == 0 ? 0.0F : -0.0F; })},
      {"constant", make([](std::size_t) { return 3.5F; })},
      {"negative constant", make([](std::size_t) { return -0.0123F; })},
      // In F32 and BF16 the scale of these vanishes (the largest value is divided by an infinite number of steps).
      {"largest constant", make([&](std::size_t) { return largest(dtype); })},
      {"all negative", make([&](std::size_t) { return uniform(-4.1F, -1.0F); })},
      {"all positive", make([&](std::size_t) { return uniform(1.0F, 4.1F); })},
      {"tiny", make([&](std::size_t) { return uniform(-1e-7F, 1e-7F); })},
      {"huge", make([&](std::size_t) { return uniform(-1.0F, 1.0F) * largest(dtype); })},
      {"both ends of the range", make([&](std::size_t i) { return i % 2 == 0 ? largest(dtype) : -largest(dtype); })},
      {"denormal", make([&](std::size_t) { return static_cast<float>(random() % 64) * smallest(dtype); })},
      {"one outlier", make([&](std::size_t i) { return i % 97 == 5 ? 3000.0F : uniform(-1.0F, 1.0F); })},
      {"exact ties", make([&](std::size_t i) {
         // From 0 to 2^bits-1, so that the step is 1, and halves in between.
         if (i % 32 == 0) return 0.0F;
         return i % 32 == 1 ? static_cast<float>(top) : static_cast<float>(random() % static_cast<unsigned>(top)) + 0.5F;
       })},
      {"normal", normal_values(count)},
      {"normal around 100", normal_values(count, 100.0F, 3.0F)},
      {"every magnitude",
       make([&](std::size_t) { return std::ldexp(uniform(-1.0F, 1.0F), static_cast<int>(random() % 30) - 15); })},
  };
}

}  // namespace test
