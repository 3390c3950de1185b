#include "foreign/sqlite_rows.h"

#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

const SqliteAccess*& in_use() noexcept {
  static const SqliteAccess* access = nullptr;
  return access;
}

const SqliteAccess& require() {
  if (in_use() == nullptr)
    throw Error(ErrorKind::impossible, "this build of kvcache reads no SQLite databases", "build it with libsqlite3-dev");
  return *in_use();
}

}  // namespace

void use_sqlite(const SqliteAccess& access) noexcept {
  in_use() = &access;
}

bool has_sqlite() noexcept {
  return in_use() != nullptr;
}

void each_row(const std::string& path, std::string_view sql, const std::function<void(const std::vector<SqliteValue>&)>& take) {
  require().each_row(path, sql, take);
}

void change_rows(const std::string& path, std::string_view sql, const std::vector<std::string>& parameters) {
  require().change_rows(path, sql, parameters);
}

}  // namespace kvcache::foreign
