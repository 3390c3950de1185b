// What objects of a service need beside the service: who writes a name at the moment, and which names are going.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace kvcache::fleet {

/// An object that nothing in the index has any more is *going* for a time of grace, in which those who had begun to read it
/// end, and *gone* then. Kept in the index's database, so that rows and this change together. All functions throw Error(io).
class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  virtual ~Ledger() = default;

  /// Alone with a name, among all hosts, as long as what is returned lives. A process that dies lets go. Waits.
  [[nodiscard]] virtual std::shared_ptr<void> alone(const std::string& name) = 0;
  /// The time of grace of a going name begins anew. Waits for whoever removes it just now.
  virtual void renew(const std::string& name) = 0;
  /// There is an object of this name (again).
  virtual void is_there(const std::string& name) = 0;
  /// These names are going, unless they are already; those with a time since then, the others from now on.
  struct Going {
    std::string name;
    std::uint64_t bytes = 0;
    std::optional<std::chrono::system_clock::time_point> since;
  };
  virtual void let_go(std::span<const Going> names) = 0;
  /// All that are going.
  [[nodiscard]] virtual std::set<std::string> going() = 0;
  /// Names that are gone, of the last days.
  [[nodiscard]] virtual std::set<std::string> gone() = 0;
  /// Calls `remove` for names whose time is over (`now`: for all that are going) and that no row has: they are gone when it
  /// returns. One process at a time does so; where another one is at it, nothing happens. Returns the bytes that still wait.
  virtual std::uint64_t sweep(const std::function<void(const std::string& name)>& remove, bool now) = 0;
};

}  // namespace kvcache::fleet
