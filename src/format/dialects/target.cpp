// What an id on a command line means: an era, a series of releases, or one release.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "common/nearest.h"
#include "format/dialects/era.h"
#include "kvcache/error.h"
#include "kvcache/release.h"

namespace kvcache {
namespace {

constexpr std::uint32_t last_of_series = std::numeric_limits<std::uint32_t>::max();

/// A release, or a series of them: "0.29" is all from 0.29.0 on.
struct Numbers {
  Version oldest, newest;
};

/// "0.29" or "0.29.1", canonical decimals.
std::optional<Numbers> parse_numbers(std::string_view text) {
  std::uint32_t parts[3] = {};
  std::size_t count = 0;
  while (true) {
    const std::string_view word = text.substr(0, text.find('.'));
    const bool canonical = !word.empty() && word.size() <= 6 && (word.size() == 1 || word.front() != '0') &&
                           std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!canonical || count == 3) return std::nullopt;
    for (const char c : word) parts[count] = parts[count] * 10 + static_cast<std::uint32_t>(c - '0');
    ++count;
    if (word.size() == text.size()) break;
    text.remove_prefix(word.size() + 1);
  }
  if (count < 2) return std::nullopt;
  return Numbers{{parts[0], parts[1], parts[2]}, {parts[0], parts[1], count == 3 ? parts[2] : last_of_series}};
}

std::span<const Release> releases_of(Family family) {
  const auto all = releases();
  const auto is_of = [family](const Release& r) { return r.family == family; };
  const auto begin = std::find_if(all.begin(), all.end(), is_of);
  const auto end = std::find_if_not(begin, all.end(), is_of);
  return {begin, end};
}

std::string_view family_name(const Dialect& d) {
  return d.id.substr(0, d.id.find('@'));
}

constexpr std::string_view known_formats = "mlx-lm, mlx-swift-lm or mlxrs, or one of their releases, such as mlx-lm@0.30.7; ";

/// What people call a runtime by.
std::string_view other_name(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"python", "mlx-lm"},
      {"py", "mlx-lm"},
      {"mlx_lm", "mlx-lm"},
      {"mlxlm", "mlx-lm"},
      {"mlx", "mlx-lm"},
      {"swift", "mlx-swift-lm"},
      {"mlx-swift", "mlx-swift-lm"},
      {"mlx-swift-examples", "mlx-swift-lm"},
      {"mlx_swift_lm", "mlx-swift-lm"},
      {"rust", "mlxrs"},
      {"mlx-rs", "mlxrs"},
      {"mlx_rs", "mlxrs"},
  };
  for (const auto& [other, ours] : names)
    if (other == name) return ours;
  return {};
}

[[noreturn]] void refuse(const std::string& what, Remedy remedy) {
  throw Error(ErrorKind::usage, what, std::move(remedy));
}

/// `numbers` as in "mlx-lm@0.29", `text` as it was written there.
Target target_of(Family family, std::string_view name, std::string_view text, const Numbers& numbers) {
  const Remedy list = Remedy(Remedy::Action::formats) + " lists the releases that this version knows";
  const auto known = releases_of(family);
  const Version& oldest = known.front().version;
  const Version& newest = known.back().version;
  if (numbers.oldest > newest)
    refuse(fmt::format("{} {} is newer than {}, the newest release that this version knows", name, text, to_string(newest)),
           "a newer kvcache may know it; " + list);
  if (numbers.newest < oldest)
    refuse(
        fmt::format("{} {} is older than {}, the oldest release whose files this version knows", name, text, to_string(oldest)),
        list);
  // Those meant; where there is none, the two that such a number lies between.
  const auto after = std::find_if(known.begin(), known.end(), [&](const Release& r) { return r.version > numbers.newest; });
  auto from = std::find_if(known.begin(), after, [&](const Release& r) { return r.version >= numbers.oldest; });
  auto until = after;
  if (from == until) --from, ++until;
  const auto other = std::find_if(from, until, [&](const Release& r) { return r.era != from->era; });
  if (other != until)
    refuse(
        fmt::format("{} {} is not among the releases that this version knows, and lies between {} ({}) and {} ({}): which of "
                    "the two it writes is not known",
                    name, text, to_string((other - 1)->version), dialect((other - 1)->era).id, to_string(other->version),
                    dialect(other->era).id),
        "use the id of one of them; " + list);
  return {from->era, fmt::format("{}@{}", name, text), numbers.oldest, numbers.newest};
}

/// The one runtime that has had such numbers: "0.32.2" can only be mlx-lm's.
std::optional<Family> family_with(const Numbers& numbers) {
  std::optional<Family> found;
  for (const Family family : {Family::mlx_lm, Family::mlx_swift_lm, Family::mlxrs}) {
    const auto known = releases_of(family);
    if (numbers.newest < known.front().version || numbers.oldest > known.back().version) continue;
    if (found) return std::nullopt;
    found = family;
  }
  return found;
}

}  // namespace

std::string to_string(const Version& version) {
  return fmt::format("{}.{}.{}", version.x, version.y, version.z);
}

Target::Target(Era era) : era_(era), id_(dialect(era).id), whole_era_(true) {
  for (const Release& r : releases()) {
    if (r.era != era) continue;
    if (!released_) oldest_ = r.version;
    newest_ = r.version;
    released_ = true;
  }
}

Target::Target(Era era, std::string id, Version oldest, Version newest)
    : era_(era), id_(std::move(id)), released_(true), oldest_(oldest), newest_(newest) {}

bool Target::within(const Version& since, const Version& until) const noexcept {
  return released_ && since <= oldest_ && newest_ <= until;
}

bool Target::touches(const Version& since, const Version& until) const noexcept {
  return released_ && oldest_ <= until && since <= newest_;
}

const Dialect& find_dialect(std::string_view id) {
  return dialect(find_target(id).era());
}

Target find_target(std::string_view id) {
  const std::size_t at = id.find('@');
  std::optional<Family> family;
  std::vector<std::string_view> names;
  for (const Dialect& d : dialects()) {
    const std::string_view name = family_name(d);
    if (d.id == id || (!d.alias.empty() && d.alias == id)) return d.era;
    if (name == id) return named_alone(d.family);
    if (name == id.substr(0, at)) family = d.family;
    names.push_back(name);
  }
  const std::optional<Numbers> numbers = parse_numbers(at == std::string_view::npos ? id : id.substr(at + 1));
  if (numbers && family) return target_of(*family, id.substr(0, at), id.substr(at + 1), *numbers);
  if (numbers && at == std::string_view::npos)
    if (const auto only = family_with(*numbers))
      for (const Dialect& d : dialects())
        if (d.family == *only) return find_target(fmt::format("{}@{}", family_name(d), id));
  // A version is never guessed by its spelling: the nearest one is another format.
  std::string_view meant = family ? "" : other_name(id.substr(0, at));
  if (!family && meant.empty()) meant = detail::nearest(id.substr(0, at), names);
  refuse(fmt::format("unknown format '{}'", printable(id)),
         meant.empty()
             ? Remedy(std::string(known_formats)) + Remedy(Remedy::Action::formats) + " lists them"
             : fmt::format("did you mean {}{}?", meant, at == std::string_view::npos ? "" : printable(id.substr(at))));
}

Target named_alone(Family family) noexcept {
  Era era = Era::L0;  // not returned: every runtime has a current era
  for (const Dialect& d : dialects())
    if (d.family == family && detail::traits(d.era).current) era = d.era;
  return era;
}

std::optional<Family> find_family(std::string_view name) noexcept {
  for (const Dialect& d : dialects())
    if (family_name(d) == name) return d.family;
  return std::nullopt;
}

}  // namespace kvcache
