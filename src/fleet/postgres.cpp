#include "fleet/postgres.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "kvcache/printable.h"
#include "kvcache/sha256.h"
#include "platform/socket.h"

namespace kvcache::fleet {
namespace {

using store::detail::Blob;
using store::detail::SqlRows;
using store::detail::SqlValue;

// Milliseconds.
constexpr std::int64_t connect_patience = 10'000;
constexpr std::int64_t answer_patience = 150'000;
constexpr int glance = 100;  // between looks at whether to stop

// How long the server believes in a client that says nothing: one whose power is gone, or whose network, so that its end was
// never heard of. Who holds a name alone may be sending an object for a while. The write lock stops everybody, for a few
// statements: there a client that was stopped (Ctrl-Z) counts as gone, too. Of the janitor the server has to think longer than
// a request to remove an object can be on its way: what it was about to remove may not become another one's.
constexpr const char* session_patience =
    "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 20; SET tcp_keepalives_count = 3; SET tcp_user_timeout = "
    "'120s'";
constexpr const char* begin_writing =
    "BEGIN; SET LOCAL tcp_keepalives_idle = 15; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3; "
    "SET LOCAL tcp_user_timeout = '45s'; SET LOCAL idle_in_transaction_session_timeout = '45s'";
constexpr const char* begin_removing =
    "BEGIN; SET LOCAL tcp_keepalives_idle = 240; SET LOCAL tcp_user_timeout = '300s'; SET LOCAL "
    "idle_in_transaction_session_timeout = 0";

constexpr Oid int8_type = 20;
constexpr Oid text_type = 25;
constexpr Oid bytea_type = 17;

std::int64_t now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string first_line(const char* text) {
  const std::string_view all = text == nullptr ? "" : text;
  return printable(all.substr(0, all.find('\n')), 1024);
}

class Rows final : public SqlRows {
 public:
  explicit Rows(std::unique_ptr<PGresult, void (*)(PGresult*)> result) : result_(std::move(result)) {}
  bool step() override { return ++row_ < pq().ntuples(result_.get()); }
  [[nodiscard]] std::int64_t integer(int column) const override {
    const std::string bytes = text(column);
    if (bytes.empty()) return 0;
    // Of two, four or eight bytes, the greatest first.
    std::uint64_t value = (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0 && bytes.size() > 1 ? ~std::uint64_t{0} : 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(value);
  }
  [[nodiscard]] std::string text(int column) const override {
    return {pq().getvalue(result_.get(), row_, column), static_cast<std::size_t>(pq().getlength(result_.get(), row_, column))};
  }
  [[nodiscard]] bool null(int column) const override { return pq().getisnull(result_.get(), row_, column) == 1; }

 private:
  std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
  int row_ = -1;
};

std::string big_endian(std::int64_t number) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> static_cast<unsigned>(shift) & 0xFFU));
  return out;
}

std::string hint_of(const std::string& state) {
  if (state == "55P03" || state == "57014") return "others are writing to it: try again";
  if (state == "53100") return "free some space on the server's disk";
  if (state == "28P01" || state == "28000") return "libpq finds passwords in ~/.pgpass and PGPASSWORD";
  if (state == "42501") return "the database's owner grants it: GRANT CREATE ON DATABASE ... TO ...";
  if (state == "25006") return "this server only reads: name the primary one";
  return {};
}

// What an entry of an index may take is limited, to 2704 bytes, and the ids of a block may be more: the index of children has
// their first 128 ids. Comparisons of all ids, as they are written for SQLite, are preceded by those of the first ones.
constexpr std::string_view first_ids = "substr(ids, 1, 512)";

std::string translate(std::string_view sql) {
  std::string out;
  int next = 1;
  const auto parameter = [&](std::size_t& at) {
    std::size_t end = ++at;
    while (end < sql.size() && sql[end] >= '0' && sql[end] <= '9') ++end;
    const int number = end == at ? next : std::stoi(std::string(sql.substr(at, end - at)));
    next = std::max(next, number + 1);
    at = end;
    return number;
  };
  for (std::size_t at = 0; at < sql.size();) {
    const std::string_view rest = sql.substr(at);
    if (rest.starts_with("ORDER BY ids DESC")) {
      out += fmt::format("ORDER BY {} DESC, ids DESC", first_ids);
      at += std::string_view("ORDER BY ids DESC").size();
    } else if (rest.starts_with("ORDER BY ids")) {
      out += fmt::format("ORDER BY {}, ids", first_ids);
      at += std::string_view("ORDER BY ids").size();
    } else if (rest.starts_with(" ids <") || rest.starts_with(" ids >") || rest.starts_with(" ids = ?")) {
      const std::size_t begin = at + 5;
      at = sql.find('?', at);
      const std::string_view comparison = sql.substr(begin, at - 1 - begin);
      const int number = parameter(at);
      const std::string loose = comparison == "=" ? "=" : fmt::format("{}=", comparison[0]);
      out += fmt::format(" ({0} {1} substr(${2}, 1, 512) AND ids {3} ${2})", first_ids, loose, number, comparison);
    } else if (sql[at] == '?') {
      out += fmt::format("${}", parameter(at));
    } else {
      out.push_back(sql[at++]);
    }
  }
  return out;
}

}  // namespace

Postgres::Postgres(std::string address, std::string schema, StopToken stop)
    : address_(std::move(address)), schema_(std::move(schema)), stop_(std::move(stop)) {
  // What libpq says of an address that it does not understand may have the password in it.
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(pq().conninfoParse(address_.c_str(), nullptr),
                                                                              pq().conninfoFree);
  if (!parsed)
    throw Error(ErrorKind::usage, "the address of the index is none that libpq understands",
                "postgresql://USER@HOST:PORT/DATABASE, with other characters written as %XX");
  connect();
}

std::int64_t Postgres::lock_number(std::string_view what) const {
  std::string text = "kvcache/lock/1";
  text.push_back('\0');
  const std::string digest = sha256(text.append(schema_).append(1, '\0').append(what));
  return static_cast<std::int64_t>(std::stoull(digest.substr(0, 16), nullptr, 16));
}

void Postgres::connect() {
  depth_ = 0;
  connection_.reset();
  // A server that is gone without a word is noticed within half a minute; what the address says comes after this and counts.
  const std::array<const char*, 7> names = {
      "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "application_name", "dbname", nullptr};
  const std::array<const char*, 7> values = {"10", "5", "3", "30000", "kvcache", address_.c_str(), nullptr};
  connection_.reset(pq().connectStartParams(names.data(), values.data(), 1));
  if (!connection_) throw std::bad_alloc();
  pq().setNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  const std::int64_t until = now() + connect_patience;
  for (PostgresPollingStatusType status = PGRES_POLLING_WRITING; status != PGRES_POLLING_OK;) {
    if (pq().status(connection_.get()) == CONNECTION_BAD || status == PGRES_POLLING_FAILED) {
      const std::string why = first_line(pq().errorMessage(connection_.get()));
      connection_.reset();
      throw ServerError({}, fmt::format("the index cannot be reached: {}", why),
                        why.find("password") != std::string::npos         ? "libpq finds passwords in ~/.pgpass and PGPASSWORD"
                        : why.find("does not exist") != std::string::npos ? "createdb makes a database"
                                                                          : "");
    }
    wait(status == PGRES_POLLING_WRITING, until);
    status = pq().connectPoll(connection_.get());
  }
  if (pq().setnonblocking(connection_.get(), 1) != 0) fail(nullptr);
  const auto text = [](const char* part) { return std::string(part == nullptr ? "" : part); };
  label_ = fmt::format("postgresql://{}:{}/{}", text(pq().host(connection_.get())), text(pq().port(connection_.get())),
                       text(pq().db(connection_.get())));
  execute(
      fmt::format("SET search_path TO {}; SET lock_timeout = '60s'; SET statement_timeout = '120s'; SET client_encoding TO "
                  "UTF8; SET bytea_output TO hex; {}",
                  schema_, session_patience));
}

void Postgres::wait(bool to_write, std::int64_t until) {
  for (;;) {
    if (stop_.stop_requested() || stop_requested() != 0) {
      connection_.reset();
      throw Error(ErrorKind::interrupted, "interrupted");
    }
    if (kvcache::detail::wait_for_socket(pq().socket(connection_.get()), to_write, glance)) return;
    if (now() > until) {
      connection_.reset();
      throw ServerError({}, fmt::format("{} does not answer", label_.empty() ? "the server of the index" : label_), "");
    }
  }
}

void Postgres::fail(const PGresult* result) {
  const char* state = result == nullptr ? nullptr : pq().resultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string code = state == nullptr || lost() ? "" : state;
  const std::string why =
      first_line(result == nullptr ? pq().errorMessage(connection_.get()) : pq().resultErrorMessage(result));
  throw ServerError(code, fmt::format("the index {}: {}", label_, why.empty() ? "the connection is lost" : why), hint_of(code));
}

Postgres::Result Postgres::result() {
  const std::int64_t until = now() + answer_patience;
  for (int left = 1; left != 0;) {
    left = pq().flush(connection_.get());
    if (left < 0) fail(nullptr);
    if (left == 0) break;
    if (kvcache::detail::wait_for_socket(pq().socket(connection_.get()), true, glance)) continue;
    if (pq().consumeInput(connection_.get()) == 0) fail(nullptr);
    wait(true, until);
  }
  Result last(nullptr, pq().clear);
  for (;;) {
    while (pq().isBusy(connection_.get()) == 1) {
      wait(false, until);
      if (pq().consumeInput(connection_.get()) == 0) fail(nullptr);
    }
    Result one(pq().getResult(connection_.get()), pq().clear);
    if (!one) break;
    // Of several statements the first that failed counts.
    if (!last || pq().resultStatus(last.get()) != PGRES_FATAL_ERROR) last = std::move(one);
  }
  if (!last) fail(nullptr);
  const ExecStatusType status = pq().resultStatus(last.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) fail(last.get());
  return last;
}

Postgres::Result Postgres::send(const std::string& sql, std::span<const SqlValue> values) {
  if (!connection_) throw ServerError({}, fmt::format("the connection to {} is lost", label_), "try again");
  std::vector<Oid> types;
  std::vector<std::string> bytes;
  std::vector<bool> nulls;
  for (const SqlValue& value : values) {
    nulls.push_back(std::holds_alternative<std::monostate>(value));
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      types.push_back(int8_type);
      bytes.push_back(big_endian(*number));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      if (text->find('\0') != std::string::npos)
        throw Error(ErrorKind::usage, "PostgreSQL keeps no text with a zero byte in it");
      types.push_back(text_type);
      bytes.push_back(*text);
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      types.push_back(bytea_type);
      bytes.push_back(blob->bytes);
    } else {
      types.push_back(0);
      bytes.emplace_back();
    }
  }
  std::vector<const char*> places;
  std::vector<int> lengths;
  const std::vector<int> binary(values.size(), 1);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    places.push_back(nulls[i] ? nullptr : bytes[i].data());
    lengths.push_back(static_cast<int>(bytes[i].size()));
  }
  if (pq().sendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), types.data(), places.data(),
                           lengths.data(), binary.data(), 1) == 0)
    fail(nullptr);
  return result();
}

const std::string& Postgres::translated(std::string_view sql) {
  std::string& out = translated_[sql];
  if (out.empty()) out = translate(sql);
  return out;
}

std::unique_ptr<SqlRows> Postgres::run(std::string_view sql, std::span<const SqlValue> values) {
  const std::string& text = translated(sql);
  try {
    return std::make_unique<Rows>(send(text, values));
  } catch (const ServerError& error) {
    // A connection that was lost while nobody used it. What only looks can be asked again.
    if (!error.state().empty() || depth_ > 0 || !text.starts_with("SELECT") || (connection_ && !lost())) throw;
  }
  connect();
  return std::make_unique<Rows>(send(text, values));
}

void Postgres::execute(const std::string& sql) {
  if (!connection_) throw ServerError({}, fmt::format("the connection to {} is lost", label_), "try again");
  if (pq().sendQuery(connection_.get(), sql.c_str()) == 0) fail(nullptr);
  (void)result();
}

void Postgres::start(const char* sql) {
  try {
    if (!lost()) return execute(sql);
  } catch (const ServerError& error) {
    if (!error.state().empty()) throw;
  }
  connect();
  execute(sql);
}

void Postgres::begin(Kind kind) {
  if (depth_++ > 0) return;
  try {
    if (kind == Kind::read) {
      start("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    } else {
      start(begin_writing);
      // Each statement sees what was committed before it: after the lock, all that others have written.
      (void)send(fmt::format("SELECT pg_advisory_xact_lock({})", lock_number("write")), {});
    }
    depth_ = 1;
  } catch (...) {
    depth_ = 1;
    roll_back();
    throw;
  }
}

bool Postgres::begin_unless_busy() {
  start(begin_writing);
  depth_ = 1;
  try {
    Rows row(send(fmt::format("SELECT CASE WHEN pg_try_advisory_xact_lock({}) THEN 1 ELSE 0 END", lock_number("write")), {}));
    if (row.step() && row.integer(0) == 1) return true;
  } catch (...) {
    roll_back();
    throw;
  }
  roll_back();
  return false;
}

void Postgres::begin_removing_objects() {
  start(begin_removing);
  depth_ = 1;
}

void Postgres::commit() {
  if (depth_ > 1) {
    --depth_;
    return;
  }
  try {
    execute("COMMIT");
  } catch (const ServerError& error) {
    if (!error.state().empty()) throw;
    depth_ = 0;
    throw ServerError(
        {}, fmt::format("the connection to {} broke while a change was being made: whether it was is not known", label_),
        "try again");
  }
  depth_ = 0;
}

void Postgres::roll_back() noexcept {
  if (depth_ == 0 || --depth_ > 0) return;
  try {
    if (!lost()) execute("ROLLBACK");
  } catch (const std::exception&) {
    connection_.reset();  // the server takes it back
  }
}

}  // namespace kvcache::fleet
