// Uses Highway for something of its own, and kvcache, whose kernels are Highway's too.
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <kvcache/kvcache.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace {

namespace hn = hwy::HWY_NAMESPACE;

float sum_of(const std::vector<float>& values) {
  const hn::ScalableTag<float> d;
  auto sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= values.size(); i += hn::Lanes(d)) sum = hn::Add(sum, hn::LoadU(d, values.data() + i));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < values.size(); ++i) total += values[i];
  return total;
}

std::vector<std::byte> quantized(const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  const kvcache::Tensor x = kvcache::Tensor::of_bytes(kvcache::Dtype::F32, {1, 64}, std::move(bytes));
  const kvcache::Quantized q = kvcache::quantize(x, 8, 64);
  kvcache::MemorySink sink;
  kvcache::write_safetensors(sink, {{"weights", q.weights}, {"scales", q.scales}, {"biases", q.biases}}, {});
  return sink.take();
}

}  // namespace

int main() {
  std::vector<float> values(64);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto before = quantized(values);
  // Of this program's Highway: kvcache has its own idea of what the machine can do, and the other way round.
  const auto all = hwy::SupportedTargets();
  hwy::SetSupportedTargetsForTest(HWY_STATIC_TARGET);
  const bool ours_changed = hwy::SupportedTargets() == HWY_STATIC_TARGET;
  const bool same = quantized(values) == before;
  hwy::SetSupportedTargetsForTest(0);
  std::printf("sum %g, %s, %s, %zu bytes\n", static_cast<double>(sum_of(values)),
              ours_changed ? "Highway is its own" : "whose?",
              same && hwy::SupportedTargets() == all ? "kvcache as well" : "changed", before.size());
  return 0;
}
