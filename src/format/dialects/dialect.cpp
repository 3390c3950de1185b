// The list of formats, and which of several is meant.
#include <array>

#include "format/dialects/era.h"

namespace kvcache {
namespace {

/// In the order of the list of formats that users see: mlx-lm, mlx-swift-lm, mlxrs.
const std::array<Dialect, era_count>& all() {
  static const auto list = [] {
    std::array<Dialect, era_count> out{};
    std::size_t n = 0;
    for (const auto eras : {detail::mlx_lm_eras(), detail::mlx_swift_lm_eras(), detail::mlxrs_eras()})
      for (const detail::EraTraits& t : eras) out[n++] = t.dialect;
    return out;
  }();
  return list;
}

}  // namespace

std::span<const Dialect> dialects() noexcept {
  return all();
}

const detail::EraTraits& detail::traits(Era era) noexcept {
  for (const auto eras : {mlx_lm_eras(), mlx_swift_lm_eras(), mlxrs_eras()})
    for (const EraTraits& t : eras)
      if (t.dialect.era == era) return t;
  return mlx_lm_eras().front();  // not reached: every Era has an entry
}

EraSet detail::eras_laid_out_as(LayoutName layout) noexcept {
  return all_eras_where([layout](const EraTraits& t) { return t.layout == layout; });
}

const Dialect& dialect(Era era) noexcept {
  return detail::traits(era).dialect;
}

const Dialect* preferred(EraSet set) noexcept {
  const Dialect* unreleased = nullptr;
  for (const auto family : {detail::mlx_lm_eras(), detail::mlxrs_eras(), detail::mlx_swift_lm_eras()}) {
    for (auto newest = family.rbegin(); newest != family.rend(); ++newest) {
      const Dialect& d = newest->dialect;
      if (!set.has(d.era)) continue;
      if (d.released) return &d;
      if (unreleased == nullptr) unreleased = &d;
    }
  }
  return unreleased;
}

}  // namespace kvcache
