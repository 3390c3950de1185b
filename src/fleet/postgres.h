// A connection to PostgreSQL over libpq.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "fleet/libpq.h"
#include "kvcache/error.h"
#include "kvcache/stop.h"
#include "store/sql.h"

namespace kvcache::fleet {

/// What the server says. `state`: its SQLSTATE; empty: the connection is lost, or there never was one.
class ServerError : public Error {
 public:
  ServerError(std::string state, const std::string& message, const std::string& hint)
      : Error(ErrorKind::io, message, hint), state_(std::move(state)) {}
  [[nodiscard]] const std::string& state() const noexcept { return state_; }

 private:
  std::string state_;
};

class Postgres final : public store::detail::SqlConnection {
 public:
  /// `address`: for libpq. `schema`: where the tables are; transactions that write exclude each other within it. Throws
  /// Error(io), Error(usage) for what is no address.
  Postgres(std::string address, std::string schema, StopToken stop);

  /// postgresql://HOST:PORT/DATABASE
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  [[nodiscard]] const std::string& schema() const noexcept { return schema_; }

  [[nodiscard]] std::unique_ptr<store::detail::SqlRows> run(std::string_view sql,
                                                            std::span<const store::detail::SqlValue> values) override;
  void execute(const std::string& sql) override;
  /// One within another is a part of it.
  void begin(Kind kind) override;
  /// As begin(Kind::write), but where somebody else writes nothing is begun. Returns whether it was.
  [[nodiscard]] bool begin_unless_busy();
  /// A transaction that others which write do not wait for; in it objects may be removed of which the index knows nothing.
  void begin_removing_objects();
  void commit() override;
  void roll_back() noexcept override;
  [[nodiscard]] bool in_transaction() const noexcept { return depth_ > 0; }

  /// A number for a lock (pg_advisory_lock) of this store.
  [[nodiscard]] std::int64_t lock_number(std::string_view what) const;

 private:
  using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;
  void connect();
  [[nodiscard]] bool lost() const { return !connection_ || pq().status(connection_.get()) != CONNECTION_OK; }
  /// The last result of what was sent. Throws Error(io), Error(interrupted).
  [[nodiscard]] Result result();
  [[nodiscard]] Result send(const std::string& sql, std::span<const store::detail::SqlValue> values);
  void start(const char* sql);
  void wait(bool to_write, std::int64_t until);
  [[noreturn]] void fail(const PGresult* result);
  [[nodiscard]] const std::string& translated(std::string_view sql);

  std::string address_;
  std::string schema_;
  std::string label_;
  StopToken stop_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_{nullptr, pq().finish};
  int depth_ = 0;
  std::map<std::string_view, std::string> translated_;
};

}  // namespace kvcache::fleet
