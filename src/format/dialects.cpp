// The list of formats: looking them up, and which of several is meant.
#include <fmt/format.h>

#include <array>

#include "common/nearest.h"
#include "format/era.h"
#include "kvcache/error.h"

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

const Dialect& dialect(Era era) noexcept {
  return detail::traits(era).dialect;
}

const Dialect& find_dialect(std::string_view id) {
  const std::size_t at = id.find('@');
  const std::string_view asked = id.substr(0, at);
  std::string known;
  std::vector<std::string_view> families;
  bool family_known = false;
  for (const Dialect& d : dialects()) {
    const std::string_view family = d.id.substr(0, d.id.find('@'));
    if (d.id == id || (!d.alias.empty() && d.alias == id) || (family == id && detail::traits(d.era).current)) return d;
    family_known = family_known || family == asked;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", d.id);
    families.push_back(family);
  }
  // A version is never guessed by its spelling: the nearest one is another format.
  const std::string_view meant = family_known ? "" : detail::nearest(asked, families);
  throw Error(ErrorKind::usage, fmt::format("unknown format '{}'", printable(id)),
              meant.empty()
                  ? "formats: " + known
                  : fmt::format("did you mean {}{}?", meant, at == std::string_view::npos ? "" : printable(id.substr(at))));
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
