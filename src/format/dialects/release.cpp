// The releases of the runtimes, as data.
//
// Dates are those of the tagged commits; of the releases of late 2026 only the month is known, and of those before mlx-lm had a
// repository of its own nothing. What is not known is left out: a number between two releases of one era is of that era.
#include "kvcache/release.h"

#include <array>

#include "format/dialects/era.h"

namespace kvcache {
namespace {

constexpr Release lm(Era era, Version version, std::string_view date) {
  return {Family::mlx_lm, version, date, era};
}
constexpr Release swift(Era era, Version version, std::string_view date) {
  return {Family::mlx_swift_lm, version, date, era};
}

constexpr std::array table = {
    lm(Era::L0, {0, 18, 1}, ""),
    lm(Era::L0, {0, 18, 2}, ""),
    lm(Era::P1, {0, 19, 1}, ""),
    lm(Era::P1, {0, 22, 0}, "2025-03-13"),
    lm(Era::P1, {0, 22, 1}, "2025-03-18"),
    lm(Era::P1, {0, 24, 1}, "2025-05-14"),
    lm(Era::P1, {0, 25, 1}, "2025-06-07"),
    lm(Era::P1, {0, 26, 0}, "2025-07-08"),
    lm(Era::P1, {0, 26, 1}, "2025-07-25"),
    lm(Era::P1, {0, 26, 2}, "2025-07-30"),
    lm(Era::P1, {0, 26, 3}, "2025-08-06"),
    lm(Era::P1, {0, 26, 4}, "2025-08-25"),
    lm(Era::P1, {0, 27, 0}, "2025-08-29"),
    lm(Era::P1, {0, 27, 1}, "2025-09-04"),
    lm(Era::P1, {0, 28, 0}, "2025-09-17"),
    lm(Era::P2, {0, 28, 1}, "2025-09-26"),
    lm(Era::P2, {0, 28, 2}, "2025-10-02"),
    lm(Era::P2, {0, 28, 3}, "2025-10-17"),
    lm(Era::P2, {0, 28, 4}, "2025-12-03"),
    lm(Era::P2, {0, 29, 1}, "2025-12-16"),  // tagged as v0.29.0, but that is not what the source calls itself
    lm(Era::P2, {0, 30, 0}, "2025-12-18"),
    lm(Era::P2, {0, 30, 1}, "2026-01-05"),
    lm(Era::P2, {0, 30, 2}, "2026-01-05"),
    lm(Era::P2, {0, 30, 4}, "2026-01-19"),
    lm(Era::P2, {0, 30, 5}, "2026-01-25"),
    lm(Era::P2, {0, 30, 6}, "2026-02-04"),
    lm(Era::P2, {0, 30, 7}, "2026-02-12"),
    lm(Era::P3, {0, 31, 0}, "2026-03-06"),
    lm(Era::P3, {0, 31, 1}, "2026-03-10"),
    lm(Era::P3, {0, 31, 2}, "2026-04-06"),
    lm(Era::P3, {0, 31, 3}, "2026-04-22"),
    lm(Era::P5, {0, 32, 0}, "2026-10"),
    lm(Era::P5, {0, 32, 1}, "2026-10"),
    lm(Era::P5, {0, 32, 2}, "2026-10"),
    swift(Era::S1, {2, 25, 5}, "2025-07-08"),
    swift(Era::S1, {2, 25, 6}, "2025-08-19"),
    swift(Era::S1, {2, 25, 7}, "2025-09-02"),
    swift(Era::S1, {2, 25, 8}, "2025-09-26"),
    swift(Era::S1, {2, 25, 9}, "2025-10-13"),
    swift(Era::S1, {2, 29, 1}, "2025-10-16"),
    swift(Era::S1, {2, 29, 2}, "2025-11-11"),
    swift(Era::S1, {2, 29, 3}, "2026-01-07"),
    swift(Era::S1, {2, 30, 3}, "2026-01-22"),
    swift(Era::S1, {2, 30, 6}, "2026-02-18"),
    swift(Era::S2, {2, 31, 3}, "2026-04-01"),
    swift(Era::S3, {3, 31, 3}, "2026-04-15"),
    swift(Era::S3, {3, 31, 4}, "2026-06-29"),
    swift(Era::S5, {3, 33, 0}, "2026-11"),
    Release{Family::mlxrs, {0, 1, 0}, "", Era::R1},
};

}  // namespace

std::span<const Release> releases() noexcept {
  return table;
}

namespace detail {
namespace {

/// Something that only some releases of an era do, and what it means for reading and writing.
struct Difference {
  Family family;
  Version since, until;
  void (*apply)(EraTraits& traits);
};

constexpr Version first{0, 0, 0};

constexpr Difference differences[] = {
    // Classes that came later than the era. Numbers of releases between the tagged ones are those of the source at the time.
    {Family::mlx_lm, first, {0, 19, 2}, [](EraTraits& t) { t.release.quantized_class = false; }},
    {Family::mlx_lm, first, {0, 22, 3}, [](EraTraits& t) { t.release.chunked_class = false; }},
    {Family::mlx_lm, first, {0, 25, 1}, [](EraTraits& t) { t.release.concatenate_class = false; }},
    // models/mamba.py writes its new state back into a MambaCache alone; then there is no such class any more.
    {Family::mlx_lm, first, {0, 30, 5}, [](EraTraits& t) { t.release.mamba_needed = true; }},
    {Family::mlx_lm, {0, 30, 6}, {0, 30, 7}, [](EraTraits& t) { t.mamba_class = false; }},
    // Restored without left_padding and lengths, which the first mask asks for.
    {Family::mlx_lm, {0, 30, 4}, {0, 30, 4}, [](EraTraits& t) { t.release.slots_usable = false; }},
    // Before updates asked for a field that the loader does not set.
    {Family::mlx_lm, {0, 28, 1}, {0, 28, 3}, [](EraTraits& t) { t.release.batch_rotating_usable = true; }},
    // Quantized layers came back as 8 bits in groups of 64, whatever the file said; recurrent ones had no lengths.
    {Family::mlx_swift_lm,
     {3, 31, 3},
     {3, 31, 3},
     [](EraTraits& t) {
       t.release.quantized_fixed = true;
       t.slot_fields = 3;
     }},
};

}  // namespace

EraTraits traits(const Target& target) {
  EraTraits out = traits(target.era());
  for (const Difference& d : differences)
    if (d.family == out.dialect.family && target.within(d.since, d.until)) d.apply(out);
  return out;
}

}  // namespace detail
}  // namespace kvcache
