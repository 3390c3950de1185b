#include "sqlite/sqlite_access.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "kvcache/error.h"
#include "platform/remove_file.h"
#include "platform/unique_name.h"

namespace kvcache::sqlite {
namespace {

using foreign::SqliteValue;
namespace fs = std::filesystem;

/// Half a terabyte of entries are some thousands of rows.
constexpr std::uint64_t most_rows = std::uint64_t{1} << 20U;

struct Closer {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Closer>;
using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

[[noreturn]] void fail(sqlite3* database, int code) {
  const std::string message = fmt::format("SQLite: {}", database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database));
  const int primary = code & 0xFF;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
    throw Error(ErrorKind::io, "the index is locked: a server is using it", "stop the server, or try again", "KV100");
  if (primary == SQLITE_CANTOPEN || primary == SQLITE_PERM || primary == SQLITE_IOERR)
    throw Error(ErrorKind::io, message, {}, "KV100");
  throw Error(ErrorKind::unreadable, message, {}, "KV906");
}

/// A path within a URI.
std::string uri_of(const std::string& path, std::string_view options) {
  std::string out = "file:";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
                       c == '_' || c == '-';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out + std::string(options);
}

Database open(const std::string& uri, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &raw, flags | SQLITE_OPEN_URI, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) fail(raw, code);
  // A hostile file may hold triggers, views and functions of its own: a view has rows without end where it likes.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, 1 << 26);
  return database;
}

Statement prepare(const Database& database, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(database.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) fail(database.get(), code);
  return Statement(raw);
}

/// Removes its folder.
class Copy {
 public:
  explicit Copy(const std::string& path) {
    std::error_code error;
    const auto [made, name] = detail::with_unique_name(fs::temp_directory_path(error).string(), "index", [](const char* name) {
      std::error_code taken;
      if (fs::create_directory(name, taken)) return 0;
      errno = taken ? taken.value() : EEXIST;
      return -1;
    });
    if (made == 0) folder_ = name;
    if (folder_.empty()) throw Error(ErrorKind::io, "no folder can be made for a copy of the index", {}, "KV100");
    fs::permissions(folder_, fs::perms::owner_all, error);
    // Database and log of one moment: again while somebody writes to either.
    constexpr int most_attempts = 10;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      const auto before = states(path);
      bool copied = true;
      for (const char* ending : {"", "-wal"})
        copied = fs::copy_file(path + ending, (folder_ / "index.db").string() + ending, fs::copy_options::overwrite_existing,
                               error) &&
                 copied;
      if (copied && before == states(path)) return;
    }
    fs::remove_all(folder_, error);
    throw Error(ErrorKind::io, "the index is being written to: no copy of one moment could be made", "try again", "KV100");
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path() const { return (folder_ / "index.db").string(); }

 private:
  static std::pair<std::optional<detail::FileState>, std::optional<detail::FileState>> states(const std::string& path) {
    return {detail::file_state(path), detail::file_state(path + "-wal")};
  }

  fs::path folder_;
};

SqliteValue value_at(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return {};
    default: {
      const void* bytes = sqlite3_column_blob(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
    }
  }
}

void step_through(const Database& database, std::string_view sql,
                  const std::function<void(const std::vector<SqliteValue>&)>& take) {
  const Statement statement = prepare(database, sql);
  std::vector<SqliteValue> row(static_cast<std::size_t>(sqlite3_column_count(statement.get())));
  for (std::uint64_t rows = 0;; ++rows) {
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_DONE) return;
    if (code != SQLITE_ROW) fail(database.get(), code);
    if (rows == most_rows)
      throw Error(ErrorKind::unreadable, fmt::format("the index has more than {} rows: it is that of no server", most_rows), {},
                  "KV906");
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = value_at(statement.get(), static_cast<int>(i));
    take(row);
  }
}

void each_row(const std::string& path, std::string_view sql, const std::function<void(const std::vector<SqliteValue>&)>& take) {
  std::error_code unknown;
  const auto log = fs::file_size(path + "-wal", unknown);
  if (!unknown && log > 0) {
    const Copy copy(path);
    step_through(open(uri_of(copy.path(), ""), SQLITE_OPEN_READWRITE), sql, take);
    return;
  }
  if (!fs::exists(path, unknown)) throw Error(ErrorKind::io, "there is no index", {}, "KV100");
  // Nobody writes without a log: the file stays as it is while it is read, and no lock is taken.
  step_through(open(uri_of(fs::absolute(path).string(), "?immutable=1"), SQLITE_OPEN_READONLY), sql, take);
}

void change_rows(const std::string& path, std::string_view sql, const std::vector<std::string>& parameters) {
  const Database database = open(uri_of(fs::absolute(path).string(), ""), SQLITE_OPEN_READWRITE);
  sqlite3_busy_timeout(database.get(), 0);
  const Statement statement = prepare(database, sql);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    sqlite3_bind_text(statement.get(), static_cast<int>(i) + 1, parameters[i].data(), static_cast<int>(parameters[i].size()),
                      SQLITE_TRANSIENT);
  const int code = sqlite3_step(statement.get());
  if (code != SQLITE_DONE && code != SQLITE_ROW) fail(database.get(), code);
}

}  // namespace

const foreign::SqliteAccess& access() noexcept {
  static constexpr foreign::SqliteAccess functions = {each_row, change_rows};
  return functions;
}

}  // namespace kvcache::sqlite
