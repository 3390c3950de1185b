// SQLite for src/foreign: a library of its own, which a build may be without.
#pragma once

#include "foreign/sqlite_rows.h"

namespace kvcache::sqlite {

/// For foreign::use_sqlite().
[[nodiscard]] const foreign::SqliteAccess& access() noexcept;

}  // namespace kvcache::sqlite
