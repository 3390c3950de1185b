// Dialects: the eras of each runtime's files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace [[gnu::visibility("default")]] kvcache {

/// The runtimes that write prompt caches.
enum class Family : std::uint8_t { mlx_lm, mlx_swift_lm, mlxrs };

/// Every era of every runtime. The letters are those of docs/formats.md. The numbers are part of the binary interface: a new
/// era gets the next free one, whatever its family. The order within a family is that of dialects(), not of the numbers.
enum class Era : std::uint8_t {
  L0 = 0,
  P1 = 1,
  P2 = 2,
  P3 = 3,
  P4 = 4,
  P5 = 5,
  R1 = 6,
  S1 = 7,
  S2 = 8,
  S3 = 9,
  S4 = 10,
  S5 = 11,
};
/// How many eras there are.
inline constexpr std::size_t era_count = static_cast<std::size_t>(Era::S5) + 1;

static_assert(era_count < 64, "EraSet has 64 bits");

/// A set of eras: which ones could have written a layer or a file.
class EraSet {
 public:
  constexpr EraSet() = default;  ///< empty
  /// These.
  constexpr EraSet(std::initializer_list<Era> eras) {
    for (const Era e : eras) bits_ |= bit(e);
  }
  /// Every era there is.
  static constexpr EraSet all() { return EraSet((std::uint64_t{1} << era_count) - 1U); }
  /// Whether `e` is among them.
  [[nodiscard]] constexpr bool has(Era e) const { return (bits_ & bit(e)) != 0; }
  /// Whether it is empty.
  [[nodiscard]] constexpr bool none() const { return bits_ == 0; }
  /// Keep what is in both.
  constexpr EraSet& operator&=(EraSet o) {
    bits_ &= o.bits_;
    return *this;
  }
  /// Add what is in the other.
  constexpr EraSet& operator|=(EraSet o) {
    bits_ |= o.bits_;
    return *this;
  }
  /// In both.
  friend constexpr EraSet operator&(EraSet a, EraSet b) { return a &= b; }
  /// In either.
  friend constexpr EraSet operator|(EraSet a, EraSet b) { return a |= b; }
  /// In the first alone.
  friend constexpr EraSet operator-(EraSet a, EraSet b) { return EraSet(a.bits_ & ~b.bits_); }
  /// The same eras.
  friend constexpr bool operator==(EraSet a, EraSet b) = default;

 private:
  explicit constexpr EraSet(std::uint64_t bits) : bits_(bits) {}
  static constexpr std::uint64_t bit(Era e) { return std::uint64_t{1} << static_cast<unsigned>(e); }
  std::uint64_t bits_ = 0;
};

/// One entry of the list of formats.
struct Dialect {
  Era era;                  ///< which one it is
  std::string_view id;      ///< "mlx-lm@0.31"
  std::string_view letter;  ///< "P3"
  Family family;            ///< the runtime
  bool writable;            ///< encode() takes it
  bool released;            ///< a release writes it; P4 and S4 were never in one
  std::string_view alias;   ///< another id of the same era, or empty
};

/// All formats: those of mlx-lm, mlx-swift-lm, mlxrs, in each the oldest first.
[[nodiscard]] std::span<const Dialect> dialects() noexcept;
/// The entry of an era.
[[nodiscard]] const Dialect& dialect(Era era) noexcept;
/// That of an id, as find_target() of release.h takes it. Throws what that throws.
[[nodiscard]] const Dialect& find_dialect(std::string_view id);
/// The newest of a set that was released, mlx-lm before mlxrs before mlx-swift-lm; the newest where none was. Nothing for an
/// empty set.
[[nodiscard]] const Dialect* preferred(EraSet set) noexcept;

}  // namespace kvcache
