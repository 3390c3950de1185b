// A database that speaks SQL, as far as the index needs one: statements with values, their rows, transactions. One engine per
// file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kvcache::store::detail {

/// Bytes, where a std::string is text.
struct Blob {
  explicit Blob(std::string content) : bytes(std::move(content)) {}
  std::string bytes;
};
/// A value of a statement; std::monostate: NULL.
using SqlValue = std::variant<std::monostate, std::int64_t, std::string, Blob>;

/// What a statement gives, row after row.
class SqlRows {
 public:
  SqlRows() = default;
  SqlRows(const SqlRows&) = delete;
  SqlRows& operator=(const SqlRows&) = delete;
  virtual ~SqlRows() = default;
  /// Whether there is a (further) row. Throws Error(io).
  virtual bool step() = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual std::string text(int column) const = 0;  ///< or bytes
  [[nodiscard]] virtual bool null(int column) const = 0;
};

class Statement;

/// An open database. Of one thread. All functions throw Error(io).
class SqlConnection {
 public:
  SqlConnection() = default;
  SqlConnection(const SqlConnection&) = delete;
  SqlConnection& operator=(const SqlConnection&) = delete;
  virtual ~SqlConnection() = default;

  /// Begin a statement. Its values are ? or ?1, ?2, ... as SQLite counts them. `sql` must outlive the connection: a literal.
  [[nodiscard]] virtual std::unique_ptr<SqlRows> run(std::string_view sql, std::span<const SqlValue> values) = 0;
  /// One or several statements without values.
  virtual void execute(const std::string& sql) = 0;
  /// A transaction that only reads, and sees one state; or one that writes, and that no other one that writes meets.
  enum class Kind { read, write };
  virtual void begin(Kind kind) = 0;
  virtual void commit() = 0;
  virtual void roll_back() noexcept = 0;  ///< what was begun and not committed, if anything

  /// See Statement. `sql` as for run().
  [[nodiscard]] Statement prepare(std::string_view sql);
};

/// A statement at work: bound in order, stepped, read.
class Statement {
 public:
  Statement(SqlConnection& connection, std::string_view sql) : connection_(connection), sql_(sql) {}

  Statement& bind(std::int64_t value) { return add(std::in_place_type<std::int64_t>, value); }
  Statement& bind(std::string_view text) { return add(std::in_place_type<std::string>, text); }
  Statement& bind_blob(std::string_view bytes) { return add(std::in_place_type<Blob>, std::string(bytes)); }
  Statement& bind_null() { return add(); }
  Statement& bind(const std::optional<std::int64_t>& value) { return value ? bind(*value) : bind_null(); }

  /// Whether there is a (further) row. Throws Error(io).
  bool step() {
    if (!rows_) rows_ = connection_.run(sql_, values_);
    return rows_->step();
  }
  /// Step to the end.
  void run() {
    while (step()) {
    }
  }
  [[nodiscard]] std::int64_t integer(int column) const { return rows_->integer(column); }
  [[nodiscard]] std::string text(int column) const { return rows_->text(column); }  ///< or blob
  [[nodiscard]] bool null(int column) const { return rows_->null(column); }

 private:
  // In place: g++ 12 takes the move of a variant for a use of what it does not hold.
  template <typename... Arguments>
  Statement& add(Arguments&&... arguments) {
    values_.emplace_back(std::forward<Arguments>(arguments)...);
    return *this;
  }

  SqlConnection& connection_;
  std::string_view sql_;
  std::vector<SqlValue> values_;
  std::unique_ptr<SqlRows> rows_;
};

inline Statement SqlConnection::prepare(std::string_view sql) {
  return {*this, sql};
}

/// Begins a transaction; takes it back unless it is committed.
class Transaction {
 public:
  using Kind = SqlConnection::Kind;
  Transaction(SqlConnection& connection, Kind kind) : connection_(connection) { connection_.begin(kind); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (open_) connection_.roll_back();
  }
  void commit() {
    connection_.commit();
    open_ = false;
  }

 private:
  SqlConnection& connection_;
  bool open_ = true;
};

}  // namespace kvcache::store::detail
