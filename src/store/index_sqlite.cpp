// The index as a SQLite database.
#include <fmt/format.h>

#include <memory>
#include <type_traits>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "platform/disk_full.h"
#include "platform/folder.h"
#include "store/index_sql.h"
#include "store/sqlite.h"

namespace kvcache::store {
namespace {

using detail::Database;
using detail::Statement;
using detail::Transaction;

constexpr std::uint64_t reserve_bytes = 512U << 10U;  // a removal of some dozens of blocks writes about a quarter of it
constexpr std::uint32_t longest_log = 512;            // pages of it that are brought into the database
constexpr int patience = 60'000;                      // milliseconds that a writer waits for others

// Ids are blobs that as bytes stand in the order of the ids. Those of a block of 256 fit into an entry of node_children: above
// a kilobyte it would take a page of its own.
constexpr const char* schema = R"sql(
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE namespace (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, identity BLOB NOT NULL, about TEXT NOT NULL,
  layout TEXT NOT NULL, salted INTEGER NOT NULL, state INTEGER NOT NULL, block INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE node (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, parent BLOB NOT NULL, space INTEGER NOT NULL,
  first INTEGER NOT NULL, tail INTEGER NOT NULL, ids BLOB NOT NULL, extras TEXT, objects TEXT NOT NULL, bytes INTEGER NOT NULL,
  cut INTEGER, held TEXT, used INTEGER NOT NULL, loose INTEGER NOT NULL, base BLOB) STRICT;
CREATE INDEX node_children ON node (parent, ids);
CREATE INDEX node_leaves ON node (used) WHERE loose = 1;
CREATE INDEX node_ends ON node (used) WHERE held IS NOT NULL;
CREATE INDEX node_bases ON node (base) WHERE base IS NOT NULL;
CREATE TABLE entry (id TEXT PRIMARY KEY, space INTEGER NOT NULL, node BLOB NOT NULL, tokens INTEGER NOT NULL, held INTEGER NOT NULL,
  label TEXT NOT NULL, pinned INTEGER NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, hits INTEGER NOT NULL,
  format TEXT NOT NULL, metadata TEXT NOT NULL, facets TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE INDEX entry_node ON entry (node);
CREATE TABLE day (date TEXT PRIMARY KEY, asked INTEGER NOT NULL, hits INTEGER NOT NULL, tokens_asked INTEGER NOT NULL,
  tokens_found INTEGER NOT NULL) STRICT;
INSERT INTO setting VALUES ('bytes', '0'), ('clock', '0');
)sql";

class SqliteIndex final : public detail::SqlIndex {
 public:
  SqliteIndex(const std::string& path, bool create, bool read_only) : path_(path) {
    open(create, read_only);
    if (read_only || db_->read_only()) {
      check_version();
      return;
    }
    // On another computer's disk the shared memory of a write-ahead log is not shared.
    const bool network = kvcache::detail::on_network(path.substr(0, path.rfind('/')));
    if (create) make_tables();
    with_reserve([this] { upgrade_tables(); });
    check_version();
    db_->execute(network ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL");
    db_->execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cache_size=-4096");
    db_->execute(fmt::format("PRAGMA wal_autocheckpoint={}", longest_log));
  }

  [[nodiscard]] std::string label() const override { return path_; }

  void touch(std::span<const Touch> touches) noexcept override {
    quietly([&] { note(touches); });
    renew_log();
  }

  void count(std::uint64_t tokens_asked, std::uint64_t tokens_found) noexcept override {
    quietly([&] { add_counts({today(), 1, tokens_found > 0 ? 1U : 0U, tokens_asked, tokens_found}); });
  }

  void prepare() override { db_->flush_log(); }

  // Removing needs room for the log before it can give any back.
  Published publish(const Publication& publication) override {
    Published out = SqlIndex::publish(publication);
    renew_log();
    make_reserve();
    return out;
  }
  Removed remove(std::span<const std::string> ids, std::span<const std::pair<Digest, ObjectInfo>> given) override {
    return with_reserve([&] { return SqlIndex::remove(ids, given); });
  }
  Removed evict(Phase phase, std::span<const Digest> hashes) override {
    return with_reserve([&] { return SqlIndex::evict(phase, hashes); });
  }
  Removed forget(std::span<const std::string> names) override {
    return with_reserve([&] { return SqlIndex::forget(names); });
  }
  void reclaim(std::span<const std::string> names, const std::function<void(std::span<const std::string>)>& discard) override {
    with_reserve([&] { SqlIndex::reclaim(names, discard); });
  }

  void compact() override {
    with_reserve([this] { truncate_log(); });
    make_reserve();
  }

  [[nodiscard]] std::vector<std::string> check() const override {
    std::vector<std::string> out;
    {
      Statement rows = db_->prepare("PRAGMA integrity_check");
      while (rows.step())
        if (rows.text(0) != "ok") out.push_back(rows.text(0));
    }
    const std::vector<std::string> more = SqlIndex::check();
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

 protected:
  [[nodiscard]] detail::SqlConnection& db() const override { return *db_; }
  [[nodiscard]] bool is_upgraded() const override { return is_upgraded_; }

  /// What a commit wrote to the log before it failed is complete for whoever reads the log after a crash, until something is
  /// written over it.
  [[nodiscard]] bool is_unsettled() override { return db_->log_frames() >= longest_log || db_->log_may_have_more(); }

 private:
  /// A long log that a change has just brought into the database is begun anew by the next change, of this process alone: who
  /// opens the index first, as every run of the tool does, takes nothing of what it finds in the log for brought in.
  void renew_log() noexcept {
    try {
      if (db_->log_frames() < longest_log) return;
    } catch (const std::exception&) {
      return;
    }
    quietly([&] { tick(); });
  }

  void truncate_log() {
    // What is deleted is overwritten; the log still has it until it is begun anew.
    db_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    db_->execute("PRAGMA incremental_vacuum");
  }

  /// SQLite gives its log the mode of the database, and that one what the umask leaves.
  void make_private() {
    if (kvcache::detail::file_size(path_)) return;
    try {
      file_sink(path_, {})->commit();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;  // another process was faster
    }
  }

  [[nodiscard]] std::string reserve() const { return path_ + ".reserve"; }

  /// Room that is taken while there is plenty. No harm where it cannot be had.
  void make_reserve() const {
    try {
      if (kvcache::detail::file_size(reserve())) return;
      const auto space = kvcache::detail::disk_space(path_);
      if (space && space->first < 4 * reserve_bytes) return;
      const auto sink = file_sink(reserve(), {});
      const std::vector<std::byte> zeros(reserve_bytes);
      sink->reserve(zeros.size());
      sink->write_at(0, zeros);
      sink->commit();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }

  template <typename F>
  std::invoke_result_t<F> with_reserve(F&& change) {
    try {
      return change();
    } catch (const kvcache::detail::DiskFull&) {
      if (!kvcache::detail::file_size(reserve())) throw;
      kvcache::detail::remove_file(reserve());
    }
    return change();
  }

  void connect(const std::string& path, int flags, const char* vfs) {
    db_.reset();
    db_ = std::make_unique<Database>(path, flags, vfs);
    db_->wait(patience);
  }
  /// Opening reads nothing yet.
  void read_something() { db_->execute("SELECT count(*) FROM sqlite_schema"); }

  void open(bool create, bool read_only) {
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (create && !read_only) {
      flags |= SQLITE_OPEN_CREATE;
      make_private();
    }
    // Where the file system has no locks, a lock file beside the database does as well. All have to decide alike, so nothing
    // else that goes wrong is a reason.
    const bool locks = kvcache::detail::SharedLock::supported(path_.substr(0, path_.rfind('/')) + "/lock");
    try {
      connect(path_, flags, locks ? nullptr : "unix-dotfile");
      read_something();
    } catch (const detail::DatabaseError& error) {
      if (error.sqlite() != SQLITE_CANTOPEN && error.sqlite() != SQLITE_READONLY) throw;
      if (read_only) {
        open_immutable(flags);
      } else if (!locks) {
        leave_log(flags);
      } else {
        throw;
      }
    }
  }

  /// Neither the log's shared memory nor a lock can be made: nobody writes where nobody can.
  void open_immutable(int flags) {
    if (kvcache::detail::file_size(path_ + "-wal").value_or(0) > 0) return open_with_log(flags);
    connect("file:" + escaped_path() + "?immutable=1", flags | SQLITE_OPEN_URI, nullptr);
    read_something();
  }

  /// The same where the log was not brought into the database. Alone, as it believes, SQLite does without the shared memory.
  void open_with_log(int flags) {
    if (kvcache::detail::file_size(path_ + "-shm"))
      throw Error(ErrorKind::io,
                  fmt::format("the index {} has a log whose shared memory ({}-shm) may not be read", printable(path_, 4096),
                              printable(path_.substr(path_.rfind('/') + 1), 4096)),
                  "let whom it belongs to permit that, or copy the store to a folder of yours");
    connect(path_, flags, "unix-none");
    db_->execute("PRAGMA locking_mode=EXCLUSIVE");
    read_something();
  }

  /// A database with a write-ahead log came to a file system without locks: its log needs shared memory, but for a moment
  /// alone.
  void leave_log(int flags) {
    connect(path_, flags, "unix-dotfile");
    db_->keep_log(false);  // a database beside a log is one with a log
    db_->execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE");
    connect(path_, flags, "unix-dotfile");
    read_something();
  }

  [[nodiscard]] std::string escaped_path() const {
    std::string out;
    for (const char c : path_)
      out += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
    return out;
  }

  [[nodiscard]] std::int64_t user_version() const {
    Statement row = db_->prepare("PRAGMA user_version");
    return row.step() ? row.integer(0) : 0;
  }

  void make_tables() {
    if (user_version() != 0) return;
    db_->execute("PRAGMA auto_vacuum=INCREMENTAL");
    Transaction transaction(*db_, Transaction::Kind::write);
    if (user_version() == 0) db_->execute(std::string(schema) + fmt::format("PRAGMA user_version = {}", version));
    transaction.commit();
    make_reserve();
  }

  void upgrade_tables() {
    if (user_version() != earlier_version) return;
    Transaction transaction(*db_, Transaction::Kind::write);
    if (user_version() == earlier_version) db_->execute(upgrade("BLOB") + fmt::format("PRAGMA user_version = {}", version));
    transaction.commit();
  }

  void check_version() {
    const std::int64_t found = user_version();
    is_upgraded_ = found == version;
    if (is_upgraded_ || found == earlier_version) return;
    throw Error(ErrorKind::unreadable,
                found == 0 ? fmt::format("{} is no index of a store", printable(path_, 4096))
                           : fmt::format("{} is of version {}, this tool knows {}", printable(path_, 4096), found, version),
                found < version
                    ? Remedy(Remedy::Action::store, {{"verb", "check"}, {"rebuild", ""}}) + " makes it anew from the objects"
                    : "use a newer kvcache");
  }

  /// What is not worth waiting for, nor worth failing for, nor making durable at once.
  template <typename F>
  void quietly(F&& change) noexcept {
    try {
      if (db_->read_only()) return;
      db_->wait(0);
      try {
        db_->execute("PRAGMA synchronous=NORMAL");
        Transaction transaction(*db_, Transaction::Kind::write);
        change();
        transaction.commit();
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a last access that is not noted is no loss
      }
      db_->execute("PRAGMA synchronous=FULL");
      db_->wait(patience);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    }
  }

  std::string path_;
  std::unique_ptr<Database> db_;
  bool is_upgraded_ = true;
};

}  // namespace

std::unique_ptr<Index> sqlite_index(const std::string& path, bool create, bool read_only) {
  return std::make_unique<SqliteIndex>(path, create, read_only);
}

}  // namespace kvcache::store
