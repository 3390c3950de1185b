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

#if HWY_ARCH_X86
/// All of these bits, by their numbers in Intel's manual (CPUID), are set in `word`.
template <class... Bits>
constexpr bool all_set(std::uint32_t word, Bits... bits) {
  return (((word >> bits) & 1U) && ...);
}

/// Which registers the operating system saves; asked for only where it says that it does (OSXSAVE).
std::uint32_t saved_registers() {
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}
#endif

// By CPUID itself, and at the first use. The compiler's __builtin_cpu_supports brings a constructor that asks before main,
// whatever the program does then; each question leaves a virtual machine, and all of them were a twentieth of `kvcache
// --version`.
std::int64_t detect() {
  std::int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
  std::uint32_t a = 0, b = 0, basic = 0, d = 0, extended = 0, c = 0;
  if (__get_cpuid(1, &a, &b, &basic, &d) == 0) return targets;
  (void)__get_cpuid_count(7, 0, &a, &extended, &c, &d);  // not there: all zeros
  const std::uint32_t saved = all_set(basic, 27) ? saved_registers() : 0;
  const bool sse4 = all_set(basic, 20, 1, 25);  // SSE4.2, PCLMUL, AES
  const bool avx2 = sse4 && all_set(saved, 1, 2) && all_set(basic, 28, 12, 29) &&
                    all_set(extended, 3, 5, 8);  // AVX, FMA, F16C; BMI, AVX2, BMI2
  // Opmask and both halves of the wide registers; F, DQ, CD, BW, VL
  const bool avx3 = avx2 && all_set(saved, 5, 6, 7) && all_set(extended, 16, 17, 28, 30, 31);
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
