// The index in a PostgreSQL database, and the ledger of its objects.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "fleet/ledger.h"
#include "fleet/postgres.h"
#include "store/index_sql.h"

namespace kvcache::fleet {

class PostgresIndex final : public store::detail::SqlIndex, public Ledger {
 public:
  /// `uses_ledger`: objects that nothing has any more are going (Ledger); else their back end sees to them.
  PostgresIndex(std::unique_ptr<Postgres> connection, bool uses_ledger, bool read_only);
  ~PostgresIndex() override;

  // A store's beginning.

  /// Whether there are tables of a store, of a version that is known. Throws Error(unreadable) for others.
  [[nodiscard]] bool exists();
  /// Make the tables, unless somebody else was faster. `id`: of the store; `objects`: where they are.
  void make(const std::string& id, const std::string& objects);
  [[nodiscard]] std::string store_id() const { return text_setting("store"); }
  [[nodiscard]] std::string objects_place() const { return text_setting("objects"); }
  void set_grace(std::chrono::seconds grace);

  // The index.

  [[nodiscard]] std::string label() const override { return connection_->label(); }
  [[nodiscard]] std::vector<store::Node> path(std::span<const store::Digest> hashes) const override;
  [[nodiscard]] std::vector<Neighbours> near(std::span<const Place> places, std::size_t most) const override;
  void each_node(const std::function<void(const store::Node&)>& found) const override;
  Published publish(const Publication& publication) override;
  void touch(std::span<const Touch> touches) noexcept override;
  void count(std::uint64_t tokens_asked, std::uint64_t tokens_found) noexcept override;
  [[nodiscard]] std::vector<Day> history() const override;
  Removed remove(std::span<const std::string> ids, std::span<const std::pair<store::Digest, store::ObjectInfo>> given) override;
  [[nodiscard]] std::vector<store::Node> evictable(Phase phase, std::size_t most) const override;
  Removed evict(Phase phase, std::span<const store::Digest> nodes) override;
  void compact() override;

  // The ledger.

  [[nodiscard]] std::shared_ptr<void> alone(const std::string& name) override;
  void renew(const std::string& name) override;
  void is_there(const std::string& name) override;
  void let_go(std::span<const Going> names) override;
  [[nodiscard]] std::set<std::string> going() override { return names_in("SELECT name FROM trash WHERE gone = 0"); }
  [[nodiscard]] std::set<std::string> gone() override { return names_in("SELECT name FROM trash WHERE gone = 1"); }
  std::uint64_t sweep(const std::function<void(const std::string& name)>& remove, bool now) override;

 protected:
  [[nodiscard]] store::detail::SqlConnection& db() const override { return *connection_; }
  void note_dropped(std::span<const Dropped> dropped) override;
  [[nodiscard]] bool still_there(const Publication& publication) override;
  [[nodiscard]] bool is_upgraded() const override { return is_upgraded_; }

 private:
  void upgrade_tables();
  [[nodiscard]] std::string text_setting(std::string_view key) const;
  [[nodiscard]] std::set<std::string> names_in(std::string_view sql) const;
  /// One round; whether there may be more.
  [[nodiscard]] bool sweep_some(const std::function<void(const std::string& name)>& remove, bool now);
  /// Accesses that were not noted yet are, unless somebody else writes. `patient`: wait a moment for them.
  void flush(bool patient) const noexcept;
  void flush_if_due() const noexcept;

  std::unique_ptr<Postgres> connection_;
  bool uses_ledger_;
  bool read_only_;
  bool is_upgraded_ = true;
  mutable std::vector<Touch> touches_;
  mutable std::map<std::string, Day> counts_;
  mutable std::chrono::steady_clock::time_point flushed_;
};

}  // namespace kvcache::fleet
