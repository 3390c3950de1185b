// SQLite's C API, as far as it is used here: a connection, and statements that are prepared once.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kvcache/error.h"
#include "store/sql.h"

namespace kvcache::store::detail {

/// What SQLite says. `sqlite`: its primary result code.
class DatabaseError : public Error {
 public:
  DatabaseError(int sqlite, const std::string& message, Remedy remedy = {})
      : Error(ErrorKind::io, message, std::move(remedy)), sqlite_(sqlite) {}
  [[nodiscard]] int sqlite() const noexcept { return sqlite_; }

 private:
  int sqlite_;
};

class Database final : public SqlConnection {
 public:
  /// Throws Error(io).
  Database(const std::string& path, int flags, const char* vfs);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() override;

  [[nodiscard]] std::unique_ptr<SqlRows> run(std::string_view sql, std::span<const SqlValue> values) override;
  void execute(const std::string& sql) override;
  void begin(Kind kind) override;
  void commit() override;
  void roll_back() noexcept override;

  [[nodiscard]] bool read_only() const { return sqlite3_db_readonly(db_, "main") == 1; }
  /// How long to wait for others who write.
  void wait(int milliseconds) { sqlite3_busy_timeout(db_, milliseconds); }
  /// Whether a log stays when nobody has the database open any more, and when it is left for a journal.
  void keep_log(bool keep);
  /// Make durable what the log has and its name: for the latter each connection flushes the folder once, when it first flushes
  /// the log. Nothing where there is no log. Not beside other calls. Throws Error(io).
  void flush_log();
  /// Pages in the log, about, while others write. 0 where that cannot be told.
  [[nodiscard]] std::uint32_t log_frames();
  /// Whether a change may be in the log whose end failed, or whose process was killed: of no effect, until somebody reads the
  /// log after a crash. Within a transaction that writes. True where that cannot be told.
  [[nodiscard]] bool log_may_have_more();
  [[noreturn]] void fail(int code) const;

 private:
  /// The beginning of the shared memory of a log (sqlite.org/walformat.html, "The WAL-Index File Format"). Numbers in the order
  /// of the machine, salts as they are in the log. Complete while this connection has a transaction that writes.
  struct LogHeader {
    std::uint32_t version;
    std::uint32_t unused;
    std::uint32_t changes;
    std::uint8_t initialized;
    std::uint8_t big_endian_sums;
    std::uint16_t page_size;
    std::uint32_t frames;
    std::uint32_t pages;
    std::array<std::uint32_t, 2> sums;
    std::array<std::uint8_t, 8> salts;
  };

  [[nodiscard]] sqlite3_file* log();
  /// Nothing where there is no log, or it is of a kind that is not known.
  [[nodiscard]] std::optional<LogHeader> log_header();
  [[nodiscard]] sqlite3_stmt* prepared(std::string_view sql);

  sqlite3* db_ = nullptr;
  std::string path_;
  std::map<std::string_view, sqlite3_stmt*> statements_;
};

}  // namespace kvcache::store::detail
