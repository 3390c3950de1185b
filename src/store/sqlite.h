// SQLite's C API, as far as it is used here: a connection, and statements that are prepared once.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/error.h"

namespace kvcache::store::detail {

class Database;

/// What SQLite says. `sqlite`: its primary result code.
class DatabaseError : public Error {
 public:
  DatabaseError(int sqlite, const std::string& message, std::string hint = {})
      : Error(ErrorKind::io, message, std::move(hint)), sqlite_(sqlite) {}
  [[nodiscard]] int sqlite() const noexcept { return sqlite_; }

 private:
  int sqlite_;
};

/// A prepared statement at work: bound in order, stepped, read. Reset when this goes.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* statement) : database_(&database), statement_(statement) {}
  Statement(Statement&& other) noexcept : database_(other.database_), statement_(other.statement_), next_(other.next_) {
    other.statement_ = nullptr;
  }
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();
  Statement& bind(const std::optional<std::int64_t>& value) { return value ? bind(*value) : bind_null(); }

  /// Whether there is a (further) row. Throws Error(io).
  bool step();
  /// Step to the end.
  void run() {
    while (step()) {
    }
  }
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string text(int column) const;  ///< or blob
  [[nodiscard]] bool null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }

 private:
  Database* database_;
  sqlite3_stmt* statement_;
  int next_ = 1;
};

class Database {
 public:
  /// Throws Error(io).
  Database(const std::string& path, int flags, const char* vfs);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// `sql` must outlive this: a literal.
  Statement prepare(std::string_view sql);
  void execute(const std::string& sql);
  [[nodiscard]] bool read_only() const { return sqlite3_db_readonly(db_, "main") == 1; }
  [[nodiscard]] int changes() const { return sqlite3_changes(db_); }
  [[nodiscard]] sqlite3* handle() const { return db_; }
  /// How long to wait for others who write.
  void wait(int milliseconds) { sqlite3_busy_timeout(db_, milliseconds); }
  [[noreturn]] void fail(int code) const;

 private:
  sqlite3* db_ = nullptr;
  std::string path_;
  std::map<std::string_view, sqlite3_stmt*> statements_;
};

/// Begins a transaction; takes it back unless it is committed.
class Transaction {
 public:
  enum class Kind { read, write };
  Transaction(Database& database, Kind kind);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace kvcache::store::detail
