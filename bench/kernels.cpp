// Bytes of floats per second and core that the kernels quantize, dequantize and cast, with each instruction set of this
// machine. Every iteration also copies the same floats with memcpy, so that `ratio` compares two times taken side by side: on a
// shared machine the rates come and go, the ratio stays.
#include <benchmark/benchmark.h>
#include <time.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "hwy/targets.h"
#include "kvcache/dtype.h"
#include "tensor/quantize_scalar.h"
#include "tensor/scratch.h"
#include "tensor/simd/kernels.h"

namespace {

using namespace kvcache;
using Bytes = std::vector<std::byte>;

constexpr std::size_t input_bytes = std::size_t{64} << 20U;  // twice the L3 cache

/// Seconds this thread has run: time that other programs took does not count.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double seconds_of(const Work& work) {
  const double start = thread_seconds();
  work();
  benchmark::ClobberMemory();
  return thread_seconds() - start;
}

Bytes normal_floats(Dtype dtype) {
  std::mt19937 random(1);
  std::normal_distribution<float> distribution;
  const std::size_t item = item_size(dtype);
  Bytes bytes(input_bytes);
  // The first tile again and again: drawing them all would take longer than measuring.
  for (std::size_t i = 0; i < tile_bytes; i += item) scalar::store(dtype, distribution(random), bytes.data() + i);
  for (std::size_t i = tile_bytes; i < input_bytes; i += tile_bytes) std::memcpy(bytes.data() + i, bytes.data(), tile_bytes);
  return bytes;
}

/// Runs `work` on each tile of `floats` in turn. `work` takes the offset of a tile.
template <class Work>
void measure(benchmark::State& state, std::int64_t target, const Bytes& floats, const Work& work) {
  hwy::SetSupportedTargetsForTest(target);
  Bytes copy(input_bytes, std::byte{1});
  double kernel = 0;
  double memcpy = 0;
  for (auto _ : state) {
    memcpy += seconds_of([&] { std::memcpy(copy.data(), floats.data(), input_bytes); });
    const double seconds = seconds_of([&] {
      for (std::size_t offset = 0; offset < input_bytes; offset += tile_bytes) work(offset);
    });
    state.SetIterationTime(seconds);
    kernel += seconds;
  }
  const double gigabytes = 1e-9 * static_cast<double>(state.iterations()) * static_cast<double>(input_bytes);
  state.counters["GB/s"] = gigabytes / kernel;
  state.counters["memcpy"] = gigabytes / memcpy;
  state.counters["ratio"] = memcpy / kernel;
  hwy::SetSupportedTargetsForTest(0);
}

struct Encoded {
  Encoded(const GroupLayout& layout, std::size_t groups)
      : weights(groups * layout.weight_bytes(), std::byte{1}),
        scales(groups * item_size(layout.dtype), std::byte{1}),
        biases(scales) {}
  Bytes weights;
  Bytes scales;
  Bytes biases;
};

void encode(benchmark::State& state, std::int64_t target, GroupLayout layout) {
  const Bytes floats = normal_floats(layout.dtype);
  Encoded out(layout, input_bytes / layout.value_bytes());
  measure(state, target, floats, [&](std::size_t offset) {
    const std::size_t group = offset / layout.value_bytes();
    const EncodedGroups tile{out.weights.data() + group * layout.weight_bytes(),
                             out.scales.data() + group * item_size(layout.dtype),
                             out.biases.data() + group * item_size(layout.dtype)};
    benchmark::DoNotOptimize(simd::encode(layout, floats.data() + offset, tile_bytes / layout.value_bytes(), tile));
  });
}

void decode(benchmark::State& state, std::int64_t target, GroupLayout layout) {
  Bytes floats = normal_floats(layout.dtype);
  Encoded in(layout, input_bytes / layout.value_bytes());
  if (!simd::encode(layout, floats.data(), input_bytes / layout.value_bytes(),
                    {in.weights.data(), in.scales.data(), in.biases.data()})) {
    state.SkipWithError("the input is not finite");
  }
  measure(state, target, floats, [&](std::size_t offset) {
    const std::size_t group = offset / layout.value_bytes();
    const ConstEncodedGroups tile{in.weights.data() + group * layout.weight_bytes(),
                                  in.scales.data() + group * item_size(layout.dtype),
                                  in.biases.data() + group * item_size(layout.dtype)};
    simd::decode(layout, tile, tile_bytes / layout.value_bytes(), layout.dtype, floats.data() + offset);
  });
}

void cast(benchmark::State& state, std::int64_t target, Dtype from, Dtype to) {
  const Bytes floats = normal_floats(from);
  Bytes out(input_bytes / item_size(from) * item_size(to), std::byte{1});
  measure(state, target, floats, [&](std::size_t offset) {
    benchmark::DoNotOptimize(simd::convert(from, to, floats.data() + offset, tile_bytes / item_size(from),
                                           out.data() + offset / item_size(from) * item_size(to)));
  });
}

template <class Run>
void add(const std::string& name, const Run& run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.1);
}

void add_all(std::int64_t target) {
  constexpr Dtype dtypes[] = {Dtype::F16, Dtype::BF16, Dtype::F32};
  const std::string suffix = std::string("/") + hwy::TargetName(target) + "/";
  for (const Dtype dtype : dtypes) {
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      const GroupLayout layout{dtype, bits, 64};
      const std::string variant = suffix + std::string(name(dtype)) + "/" + std::to_string(bits);
      add("encode" + variant, [=](benchmark::State& state) { encode(state, target, layout); });
      add("decode" + variant, [=](benchmark::State& state) { decode(state, target, layout); });
    }
    for (const Dtype to : dtypes) {
      if (to == dtype) continue;
      add("cast" + suffix + std::string(name(dtype)) + "/" + std::string(name(to)),
          [=](benchmark::State& state) { cast(state, target, dtype, to); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) add_all(target);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
