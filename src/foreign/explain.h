// Why a folder does not hit: what is in it by the settings that its server compares, what of it can never be used again, and
// how far a prompt leads.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "foreign/foreign_format.h"

namespace kvcache::foreign {

/// So many files of so many bytes.
struct Amount {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  void add(std::uint64_t size) {
    ++files;
    bytes += size;
  }
};

/// Entries with the same settings: a server uses those of its own, and no others.
struct Signature {
  std::string id;     ///< eight hex digits: the same for the same settings, whatever else is in the folder
  std::string model;  ///< as the server names it, or empty
  std::vector<Setting> settings;
  Amount entries;
  std::int64_t tokens = 0;
  std::chrono::system_clock::time_point newest;
  bool blocks = false;                             ///< of no use alone
  std::uint64_t without_state = 0;                 ///< blocks that cannot end a prefix
  std::vector<std::int64_t> layers_without_state;  ///< of any of them
  std::string never_again;                         ///< why no server of today uses any of them, or empty
  std::uint64_t never_again_entries = 0;           ///< how many that is true of: all of them, where `never_again` is set
  std::optional<bool> matches;  ///< the running settings; nothing: none were given, or it is of another model or format
  std::vector<std::string> differences;  ///< from them: "block size 1024, running 2048"
  /// Nothing will use it: it is of other settings than those that run, or of none that any server has.
  [[nodiscard]] bool dead() const { return !never_again.empty() || matches == false; }
};

/// Something that is broken, with one example of why.
struct Broken {
  Amount amount;
  std::string example;  ///< path
  std::string why;
};

struct Explanation {
  Place place;
  Amount all;                         ///< entries, whatever becomes of them
  std::vector<Signature> signatures;  ///< those that match first, then the newest
  Broken unreadable;
  Amount temporary;
  Amount orphans;
  Broken passed_over;                 ///< entries that can be read, and that a server does not take as what lists them
  std::vector<std::string> problems;  ///< of the whole place, or of its index: why a server uses nothing, or not all of it
  Amount others;
  std::optional<Restored> prompt;  ///< where tokens were given
  /// Bytes that nothing will ever use: of dead signatures, unreadable, and begun and not finished.
  [[nodiscard]] std::uint64_t dead_bytes() const;
};

/// What a server at work compares entries with.
struct Running {
  const Format* format = nullptr;
  std::string model;
  std::vector<Setting> settings;
};

/// The running settings, from an entry that a server of today has written. Throws Error(usage) for a file that is no format's
/// entry, or broken.
[[nodiscard]] Running settings_of(const std::string& path);

/// Looks at every entry once. `running`: what to compare with; nothing: nothing. `query.tokens` empty: no prompt. Memory grows
/// with the number of signatures, not with that of entries.
[[nodiscard]] Explanation explain(const Place& place, const std::optional<Running>& running, const Query& query);

/// The id of a signature: of the format, the model and the settings.
[[nodiscard]] std::string signature_id(const Format& format, const Entry& entry);

}  // namespace kvcache::foreign
