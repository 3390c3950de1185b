// What every fuzz target is made of. A target is one file fuzz_NAME.cpp: it feeds bytes to the library and states what must
// hold for any bytes. With libFuzzer it explores (scripts/fuzz); without, replay.cpp runs it over the committed corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// How many bytes at the end of an input are not part of the file: the header mutator leaves them alone. One per target.
extern const std::size_t fuzz_trailer;

namespace fuzz {

inline std::string_view text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A property that does not hold ends the process, which is what libFuzzer looks for. Not assert(): release builds count, too.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  // Not stderr, which the target may have for itself.
  dprintf(2, "fuzz: does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace fuzz
