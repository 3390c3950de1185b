// How repairs are found: for each finding of a layer the states that it could have been meant to be, and what speaks for each.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "verify/rules.h"

namespace kvcache::detail {

/// A cache of the document and what the rules of its class say.
struct Examined {
  Place place;
  Findings findings;
  /// Nothing is wrong with it: what it says counts.
  [[nodiscard]] bool is_witness() const { return place.sound && findings.empty() && !place.cache->empty(); }
};

/// A number as several witnesses have it, and the first place of each.
class Votes {
 public:
  void add(std::int64_t value, const std::string& where) { first_.emplace(value, where); }
  [[nodiscard]] bool none() const { return first_.empty(); }
  /// The number that all have, if there is one.
  [[nodiscard]] std::optional<std::int64_t> agreed() const {
    return first_.size() == 1 ? std::optional(first_.begin()->first) : std::nullopt;
  }
  [[nodiscard]] bool agree_on(std::int64_t value) const { return agreed() == value; }
  /// Somebody has another one.
  [[nodiscard]] bool contradict(std::int64_t value) const { return !none() && !agree_on(value); }
  [[nodiscard]] bool disputed() const { return first_.size() > 1; }
  /// Each number and the first place that has it.
  [[nodiscard]] const std::map<std::int64_t, std::string>& all() const { return first_; }

 private:
  std::map<std::int64_t, std::string> first_;
};

/// The whole document as the rules see it.
struct Examination {
  std::vector<Examined> places;
  Votes offsets;  ///< tokens, by every sound single-sequence layer that counts them, and by the stamp

  /// A number that `pick` takes from the state of each witness of a class, or does not.
  template <typename Class, typename Pick>
  [[nodiscard]] Votes votes(Pick pick) const {
    Votes votes;
    for (const Examined& e : places) {
      const auto* const cache = e.is_witness() ? e.place.as<Class>() : nullptr;
      if (cache == nullptr) continue;
      if (const std::optional<std::int64_t> value = pick(cache->state())) votes.add(*value, e.place.where.text());
    }
    return votes;
  }
};

/// A state that a cache could have been meant to be.
struct Option {
  std::shared_ptr<const Cache> cache;
  std::string what;     ///< "offset 9 becomes 23"
  std::string because;  ///< "the number of rows"
  bool backed = false;  ///< by other layers, not by this one alone
};

/// All of them. `more`: answers that are possible and cannot be told from one another.
struct Options {
  std::vector<Option> list;
  std::vector<std::string> more;

  template <typename Class>
  void add(typename Class::State state, std::string what, std::string because, bool backed) {
    list.push_back({std::make_shared<Class>(std::move(state)), std::move(what), std::move(because), backed});
  }
};

inline constexpr std::string_view as_the_others = "as the other layers have it";

// For a finding about a place of the class; none for findings of other codes.
[[nodiscard]] Options options_for_quantized(const Place& place, std::string_view code, const Examination& all);
[[nodiscard]] Options options_for_turbo(const Place& place, std::string_view code, const Examination& all);
[[nodiscard]] Options options_for_rotating(const Place& place, std::string_view code, const Examination& all);
[[nodiscard]] Options options_for_chunked(const Place& place, std::string_view code, const Examination& all);
[[nodiscard]] Options options_for_batch(const Place& place, std::string_view code, const Examination& all);
[[nodiscard]] Options options_for_batch_rotating(const Place& place, std::string_view code, const Examination& all);

/// Rows and offset disagree: the offset becomes the rows, or rows are cut; which of them, other layers tell.
template <typename Class, typename Cut>
[[nodiscard]] Options options_for_offset(const typename Class::State& s, std::int64_t rows, bool may_cut, Cut cut,
                                         const Examination& all) {
  Options options;
  const Votes& votes = all.offsets;
  if (!votes.contradict(rows)) {
    typename Class::State state = s;
    state.offset = rows;
    options.template add<Class>(std::move(state), fmt::format("offset {} becomes {}", s.offset, rows),
                                votes.none() ? "the number of rows" : "as all rows and the other layers have it",
                                votes.agree_on(rows));
  }
  if (may_cut && !votes.contradict(s.offset))
    options.template add<Class>(cut(s), fmt::format("the {} rows behind offset {} go", rows - s.offset, s.offset),
                                votes.none() ? "loaders ignore them" : "the other layers are at that offset, too",
                                votes.agree_on(s.offset));
  if (options.list.empty() && (votes.disputed() || may_cut)) {
    options.more.push_back(fmt::format("offset {}, the number of rows", rows));
    if (may_cut) options.more.push_back(fmt::format("offset {}, as it is", s.offset));
    for (const auto& [value, where] : votes.all())
      if (value != rows && value != s.offset) options.more.push_back(fmt::format("offset {}, that of {}", value, where));
  }
  return options;
}

}  // namespace kvcache::detail
