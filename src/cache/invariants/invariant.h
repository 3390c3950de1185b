// What an invariant of a class of caches is: a fact about its states that every program keeps, the code of the finding where it
// is broken, and whether operations rely on it. Each NAME.cpp here holds those of one class. Operations refuse by them, and
// `verify` reports them: nothing else says what a legal state is.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/remedy.h"

namespace kvcache::detail {

/// What is wrong, with the values at hand and what follows from it; and what to do about it, or empty.
struct Problem {
  std::string message;
  Remedy remedy;
};

/// Whether a state that breaks an invariant can be worked with. Where it says nothing, loading goes wrong or somebody should
/// know, but which rows hold which tokens is certain, so that no operation makes it worse.
enum class Blocks : bool { nothing, operations };

/// An invariant that a state breaks.
struct Broken {
  std::string_view code;  ///< of the finding
  Blocks blocks = Blocks::operations;
  Problem problem;
};

/// In the order of docs/findings.md: what `verify` reports.
using BrokenInvariants = std::vector<Broken>;

template <class State>
struct Invariant {
  std::string_view code;
  std::optional<Problem> (*check)(const State&);
  Blocks blocks = Blocks::operations;
};

/// Invariants that build on one another: the first broken one is added and ends the chain, so that one problem gives one code.
template <class State, std::size_t count>
void run_chain(const State& state, const std::array<Invariant<State>, count>& chain, BrokenInvariants& broken) {
  for (const Invariant<State>& invariant : chain) {
    if (auto problem = invariant.check(state)) {
      broken.push_back({invariant.code, invariant.blocks, std::move(*problem)});
      return;
    }
  }
}

/// The first that operations refuse by, or nothing.
[[nodiscard]] std::optional<Broken> first_that_blocks(BrokenInvariants broken);
/// "its numbers contradict each other: 3 rows but offset 2: ... (KV411)"
[[nodiscard]] std::string refusal_of(const Broken& broken);
/// Throws Error(impossible) with it.
[[noreturn]] void refuse(const Broken& broken);

}  // namespace kvcache::detail
