// The run-time part of Highway, which HWY_DYNAMIC_DISPATCH calls: which instruction sets does this machine have?
//
// Highway is used as headers only (see cmake/dependencies.cmake): Debian ships this part as a shared library that needs
// libstdc++.so, and the tool is to run without either. The declarations are those of hwy/targets.h; the instruction sets are
// those left by HWY_DISABLED_TARGETS. What is called hwy here is kvcache_highway to the compiler: a program's own Highway is
// neither replaced nor changed.
#include <hwy/targets.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include <hwy/highway.h>
#if HWY_ARCH_X86
#include <cpuid.h>
#endif

namespace hwy {
namespace {

std::atomic<std::int64_t> disabled_targets{0};
std::atomic<std::int64_t> targets_for_test{0};

std::int64_t detect() {
  std::int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
  // The compiler's check covers the operating system's part too: whether it saves the wide registers.
  __builtin_cpu_init();
  const bool sse4 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes");
  // clang 14 has no name for F16C.
  unsigned a = 0, b = 0, features = 0, d = 0;
  const bool f16c = __get_cpuid(1, &a, &b, &features, &d) != 0 && (features & bit_F16C) != 0;
  const bool avx2 = sse4 && f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx3 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512cd");
  if (sse4) targets |= HWY_SSE4;
  if (avx2) targets |= HWY_AVX2;
  if (avx3) targets |= HWY_AVX3;
#endif
  return targets;
}

}  // namespace

std::int64_t SupportedTargets() {
  static const std::int64_t detected = detect();
  const std::int64_t mocked = targets_for_test.load();
  const std::int64_t enabled = (mocked != 0 ? mocked : detected) & ~disabled_targets.load();
  return enabled != 0 ? enabled : HWY_STATIC_TARGET;
}

void DisableTargets(std::int64_t targets) {
  disabled_targets = targets;
  GetChosenTarget().DeInit();  // decide again at the next call
}

void SetSupportedTargetsForTest(std::int64_t targets) {
  targets_for_test = targets;
  GetChosenTarget().DeInit();
}

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

// Reached only by assertions inside Highway (debug builds), which none of our calls can fail. Variadic by its declaration.
// NOLINTNEXTLINE(cert-dcl50-cpp)
void Abort(const char* /*file*/, int /*line*/, const char* /*format*/, ...) {
  std::abort();
}

}  // namespace hwy
