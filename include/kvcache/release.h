// Releases of the runtimes by their numbers: of which era each is, and what it has or lacks within that era.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kvcache/dialect.h"

namespace [[gnu::visibility("default")]] kvcache {

/// The number of a release: 0.30.7.
struct Version {
  std::uint32_t x = 0;  ///< 0
  std::uint32_t y = 0;  ///< 30
  std::uint32_t z = 0;  ///< 7
  /// In the order of their publication.
  friend constexpr auto operator<=>(const Version&, const Version&) = default;  // NOLINT(modernize-use-nullptr)
};
/// "0.30.7"
[[nodiscard]] std::string to_string(const Version& version);

/// One release, as far as it is known.
struct Release {
  Family family;          ///< whose
  Version version;        ///< its number
  std::string_view date;  ///< "2026-02-12", or "2026-10" where the day is not known; empty where nothing is
  Era era;                ///< what it writes and reads
};

/// Every release known by its number: those of mlx-lm, mlx-swift-lm, mlxrs, in each the oldest first.
[[nodiscard]] std::span<const Release> releases() noexcept;

/// What a file is written or checked for: an era as a whole, all releases of a series (0.29), or a single release. Within an
/// era releases differ in little, but in things that decide whether a file works: classes that one has and another has not.
class Target {
 public:
  /// The era as a whole: wherever an era is enough, it is a target.
  Target(Era era);  // NOLINT(google-explicit-constructor)
  /// Releases of an era, from `oldest` to `newest`.
  Target(Era era, std::string id, Version oldest, Version newest);

  /// Of which era.
  [[nodiscard]] Era era() const noexcept { return era_; }
  /// "mlx-lm@0.28", "mlx-lm@0.29", "mlx-lm@0.30.7"
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// Whether it is an era as a whole.
  [[nodiscard]] bool whole_era() const noexcept { return whole_era_; }
  /// Whether releases are meant, all of them, from `since` to `until`. Never for an era that was in no release.
  [[nodiscard]] bool within(const Version& since, const Version& until) const noexcept;
  /// Whether one of the releases meant, at least, is from `since` to `until`.
  [[nodiscard]] bool touches(const Version& since, const Version& until) const noexcept;
  /// The same target.
  friend bool operator==(const Target&, const Target&) = default;

 private:
  Era era_;
  std::string id_;
  bool whole_era_ = false;
  bool released_ = false;
  Version oldest_, newest_;
};

/// By the id of an era or its alias, by family name alone ("mlx-lm" is mlx-lm@0.32), by a release or a series
/// ("mlx-lm@0.30.7", "mlx-lm@0.29"), or by its number alone where only one runtime has had such numbers ("0.32.2"). Throws
/// Error(usage) for what is unknown, newer or older than every release known, or between two releases of different eras. A
/// misspelt family is suggested, a version never: the nearest by its spelling is seldom the one that was meant.
[[nodiscard]] Target find_target(std::string_view id);
/// What the name of a runtime alone means: mlx-lm@0.32, mlx-swift-lm@3.31, mlxrs@0.1.
[[nodiscard]] Target named_alone(Family family) noexcept;
/// The runtime of this name ("mlx-lm"), or nothing.
[[nodiscard]] std::optional<Family> find_family(std::string_view name) noexcept;

}  // namespace kvcache
