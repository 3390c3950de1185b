// SQLite databases of servers, read while these may be at work: never locked, never written, nothing made beside them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kvcache::foreign {

/// A value of a row: nothing, an integer, a number, or bytes.
using SqliteValue = std::variant<std::monostate, std::int64_t, double, std::string>;

/// What reads and changes them. The library has none by itself: a program that can gives it one.
struct SqliteAccess {
  void (*each_row)(const std::string& path, std::string_view sql,
                   const std::function<void(const std::vector<SqliteValue>&)>& take);
  void (*change_rows)(const std::string& path, std::string_view sql, const std::vector<std::string>& parameters);
};
/// Once, before anything is read.
void use_sqlite(const SqliteAccess& access) noexcept;
/// Whether that was done.
[[nodiscard]] bool has_sqlite() noexcept;

/// The rows of a query, in its order. A database with a write-ahead log is copied first, together with it, as reading one would
/// make files beside it. Throws Error(unreadable) for what is no database, is damaged or has other tables; Error(io); Error(
/// impossible) where this build has no SQLite.
void each_row(const std::string& path, std::string_view sql, const std::function<void(const std::vector<SqliteValue>&)>& take);

/// Runs a statement that changes rows. Refused with Error(io) while somebody else uses the database: nothing is waited for.
/// `parameters` are bound in order.
void change_rows(const std::string& path, std::string_view sql, const std::vector<std::string>& parameters);

}  // namespace kvcache::foreign
