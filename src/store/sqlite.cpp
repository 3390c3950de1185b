#include "store/sqlite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "platform/disk_full.h"
#include "platform/folder.h"

namespace kvcache::store::detail {

namespace {

constexpr const char* full_disk_hint = "free some space, or use another disk";

/// The database (SQLITE_FCNTL_FILE_POINTER) or its log or journal (SQLITE_FCNTL_JOURNAL_POINTER), where it is open.
sqlite3_file* file_of(sqlite3* db, int which) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db, "main", which, static_cast<void*>(&file));
  return file != nullptr && file->pMethods != nullptr ? file : nullptr;
}

constexpr std::uint32_t known_log_version = 3007000;

/// Whether not even a little can be written beside a file.
bool no_room_beside(const char* path) {
  if (path == nullptr || *path == '\0') return false;
  constexpr std::size_t little = 64U << 10U;
  try {
    const auto probe = file_sink(std::string(path) + ".probe", {});
    probe->reserve(little);
    probe->write_at(0, std::vector<std::byte>(little));
    probe->abort();
  } catch (const kvcache::detail::DiskFull&) {
    return true;
  } catch (const Error&) {  // another obstacle: what SQLite says of its own stays
  }
  return false;
}

/// SQLite says so itself only where it was writing to a file; the log's shared memory has to be made as well.
bool ran_out_of_disk(sqlite3* db, int code) {
  const int kind = code & 0xFF;
  if (kind == SQLITE_FULL) return true;
  if (db == nullptr || (kind != SQLITE_IOERR && kind != SQLITE_CANTOPEN)) return false;
  // A quota is not among what it takes for a full disk: which call has failed is known of each of its files.
  int of_database = 0;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &of_database);
  int of_log = 0;
  if (sqlite3_file* log = file_of(db, SQLITE_FCNTL_JOURNAL_POINTER); log != nullptr)
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &of_log);
  if (std::ranges::any_of(std::array{sqlite3_system_errno(db), of_database, of_log}, kvcache::detail::is_disk_full))
    return true;
  // Nor there, once it has taken back what it had written before.
  return code == SQLITE_IOERR_WRITE && no_room_beside(sqlite3_db_filename(db, "main"));
}

/// Without locks of the file system there is a folder in their place, which nobody takes away from a process that was killed.
std::string busy_hint(const std::string& path) {
  std::string hint = "another process is writing to it: try again";
  if (const std::string lock = path + ".lock"; kvcache::detail::is_folder(lock))
    hint += fmt::format("; if none is, one that was killed has left {}: remove it", printable(lock, 4096));
  return hint;
}

/// A prepared statement at work. Reset when this goes.
class Rows final : public SqlRows {
 public:
  Rows(const Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows() override {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  void bind(int at, const SqlValue& value) {
    int code = SQLITE_OK;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      code = sqlite3_bind_int64(statement_, at, *number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      code = sqlite3_bind_text64(statement_, at, text->data(), text->size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);  // NOLINT: SQLite's own cast
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      code = sqlite3_bind_blob64(statement_, at, blob->bytes.data(), blob->bytes.size(),
                                 SQLITE_TRANSIENT);  // NOLINT: SQLite's own cast
    } else {
      code = sqlite3_bind_null(statement_, at);
    }
    if (code != SQLITE_OK) database_.fail(code);
  }

  bool step() override {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    database_.fail(code);
  }
  [[nodiscard]] std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string text(int column) const override {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }
  [[nodiscard]] bool null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  const Database& database_;
  sqlite3_stmt* statement_;
};

}  // namespace

Database::Database(const std::string& path, int flags, const char* vfs) : path_(path) {
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  if (code != SQLITE_OK) {
    const std::string why = db_ == nullptr ? "no memory" : sqlite3_errmsg(db_);
    const bool full = ran_out_of_disk(db_, code);
    sqlite3_close(db_);
    db_ = nullptr;
    if (full)
      throw kvcache::detail::DiskFull(fmt::format("cannot open the index {}: {}", printable(path, 4096), why), full_disk_hint);
    throw DatabaseError(code & 0xFF, fmt::format("cannot open the index {}: {}", printable(path, 4096), why));
  }
  // Later connections must not make it durable anew each time one ends; and what was written stays for those who only read.
  int unused = 0;
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &unused);
  keep_log(true);
}

void Database::keep_log(bool keep) {
  int value = keep ? 1 : 0;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_PERSIST_WAL, &value);
}

sqlite3_file* Database::log() {
  // A rollback journal is none: it is there only while something is written.
  Statement mode = prepare("PRAGMA journal_mode");
  if (!mode.step() || mode.text(0) != "wal") return nullptr;
  return file_of(db_, SQLITE_FCNTL_JOURNAL_POINTER);
}

void Database::flush_log() {
  sqlite3_file* file = log();
  if (file == nullptr) return;
  if (const int code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL); code != SQLITE_OK) {
    int number = 0;
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    const std::string message = fmt::format("the log of the index {} cannot be flushed", printable(path_, 4096));
    if (kvcache::detail::is_disk_full(number)) throw kvcache::detail::DiskFull(message, full_disk_hint);
    throw DatabaseError(code & 0xFF, message);
  }
}

std::optional<Database::LogHeader> Database::log_header() {
  sqlite3_file* database = file_of(db_, SQLITE_FCNTL_FILE_POINTER);
  if (database == nullptr || log() == nullptr || database->pMethods->iVersion < 2) return std::nullopt;
  void volatile* memory = nullptr;
  constexpr int region = 32768;
  if (database->pMethods->xShmMap(database, 0, region, 0, &memory) != SQLITE_OK || memory == nullptr) return std::nullopt;
  LogHeader header{};
  std::memcpy(&header, const_cast<const void*>(memory), sizeof header);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  if (header.version != known_log_version) return std::nullopt;
  return header;
}

std::uint32_t Database::log_frames() {
  const std::optional<LogHeader> header = log_header();
  return header ? header->frames : 0;
}

bool Database::log_may_have_more() {
  const std::optional<LogHeader> header = log_header();
  // A log that was begun anew has its new salts when it is first written to.
  if (!header || header->frames == 0) return true;
  constexpr sqlite3_int64 before_frames = 32;
  constexpr sqlite3_int64 before_page = 24;
  const sqlite3_int64 page = header->page_size == 1 ? 65536 : header->page_size;  // as the format has it
  std::array<std::uint8_t, before_page> next{};
  sqlite3_file* file = log();
  const int code = file->pMethods->xRead(file, next.data(), static_cast<int>(next.size()),
                                         before_frames + sqlite3_int64{header->frames} * (before_page + page));
  if (code == SQLITE_IOERR_SHORT_READ) return false;
  return code != SQLITE_OK || std::equal(header->salts.begin(), header->salts.end(), next.begin() + 8);
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
      statements_.erase(sql);
      fail(code);
    }
  }
  return statement;
}

std::unique_ptr<SqlRows> Database::run(std::string_view sql, std::span<const SqlValue> values) {
  auto rows = std::make_unique<Rows>(*this, prepared(sql));
  for (std::size_t i = 0; i < values.size(); ++i) rows->bind(static_cast<int>(i) + 1, values[i]);
  return rows;
}

void Database::execute(const std::string& sql) {
  if (const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  const int kind = code & 0xFF;
  Remedy remedy;
  if (kind == SQLITE_BUSY) remedy = busy_hint(path_);
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB)
    remedy = Remedy(Remedy::Action::store, {{"verb", "check"}, {"rebuild", ""}}) + " makes it anew from the objects";
  if (ran_out_of_disk(db_, code))
    throw kvcache::detail::DiskFull(fmt::format("the index {}: database or disk is full", printable(path_, 4096)),
                                    full_disk_hint);
  throw DatabaseError(kind, fmt::format("the index {}: {}", printable(path_, 4096), sqlite3_errmsg(db_)), remedy);
}

void Database::begin(Kind kind) {
  prepare(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN").run();
}

void Database::commit() {
  prepare("COMMIT").run();
}

void Database::roll_back() noexcept {
  // SQLite has taken it back itself after some errors.
  if (sqlite3_get_autocommit(db_) == 0) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace kvcache::store::detail
