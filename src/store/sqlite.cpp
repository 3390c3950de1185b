#include "store/sqlite.h"

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::store::detail {

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::bind(std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, next_++, value); code != SQLITE_OK) database_->fail(code);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  const int code = sqlite3_bind_text64(statement_, next_++, text.data() == nullptr ? "" : text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);  // NOLINT: SQLite's own cast
  if (code != SQLITE_OK) database_->fail(code);
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const int code = sqlite3_bind_blob64(statement_, next_++, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                                       SQLITE_TRANSIENT);  // NOLINT: SQLite's own cast
  if (code != SQLITE_OK) database_->fail(code);
  return *this;
}

Statement& Statement::bind_null() {
  if (const int code = sqlite3_bind_null(statement_, next_++); code != SQLITE_OK) database_->fail(code);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_->fail(code);
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

Database::Database(const std::string& path, int flags, const char* vfs) : path_(path) {
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  if (code != SQLITE_OK) {
    const std::string why = db_ == nullptr ? "no memory" : sqlite3_errmsg(db_);
    sqlite3_close(db_);
    db_ = nullptr;
    throw DatabaseError(code & 0xFF, fmt::format("cannot open the index {}: {}", printable(path, 4096), why));
  }
  // Later connections must not make it durable anew each time one ends; and what was written stays for those who only read.
  int unused = 0;
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &unused);
  int keep = 1;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
      statements_.erase(sql);
      fail(code);
    }
  }
  return {*this, statement};
}

void Database::execute(const std::string& sql) {
  if (const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  const int kind = code & 0xFF;
  std::string hint;
  if (kind == SQLITE_BUSY) hint = "another process is writing to it: try again";
  if (kind == SQLITE_FULL) hint = "free some space, or use another disk";
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) hint = "`kvcache store check --rebuild` makes it anew from the objects";
  throw DatabaseError(kind, fmt::format("the index {}: {}", printable(path_, 4096), sqlite3_errmsg(db_)), hint);
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  database_.prepare(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN").run();
}

Transaction::~Transaction() {
  if (!open_) return;
  // SQLite has taken it back itself after some errors.
  if (sqlite3_get_autocommit(database_.handle()) == 0) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.prepare("COMMIT").run();
  open_ = false;
}

}  // namespace kvcache::store::detail
