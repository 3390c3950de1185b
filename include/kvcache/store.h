// A prefix store: prompt caches kept on disk by their tokens, so that the next prompt that begins alike starts from there.
//
// put() takes a cache apart into blocks of tokens, stored once whoever put them first; get() finds the longest stored prefix of
// a prompt and puts the cache of just that prefix together again, in any runtime's format, without a copy in memory. Many
// processes may work on one store at once. A component of its own: programs link kvcache::store beside kvcache::kvcache.
// docs/store.md says what is promised and how it is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/edit.h"
#include "kvcache/format.h"
#include "kvcache/safetensors.h"
#include "kvcache/store/index.h"
#include "kvcache/store/objects.h"
#include "kvcache/store/types.h"

namespace kvcache {
namespace [[gnu::visibility("default")]] store {

/// The identity of a model's folder: its config.json and its weights, an adapter's where it has one (`adapter`: its folder or
/// empty). Of weights the names, sizes and ends are read, not all bytes. Throws Error(io), Error(usage) for a folder without
/// config.json.
[[nodiscard]] Identity identity_of_model(const std::string& folder, const std::string& adapter = {});
/// The identity of a text of the caller's choice, which then has to change with the model. Throws Error(usage) for none.
[[nodiscard]] Identity identity_of_text(std::string_view text);

/// Token ids from a file: a JSON list, integers as text, a NumPy file (.npy) of any integer type, or
/// 32-bit little-endian integers. Told apart by what is in it. Throws Error(io), Error(usage) for anything else.
[[nodiscard]] TokenIds read_token_file(const std::string& path);

/// Whose cache, and of which tokens.
struct Prompt {
  TokenIds tokens;                 ///< of the whole sequence
  Identity identity;               ///< of the model
  std::string salt = {};           ///< a secret; without it nothing of a namespace can be found
  std::vector<Extra> extras = {};  ///< images and the like
};

/// What to do beside storing.
struct PutOptions {
  std::string label = {};  ///< the user's word for it
  bool pin = false;        ///< never evict it
  bool check = false;      ///< compare rows of known blocks by their checksums; throws Error(impossible) where they differ
                           ///< and `apart` is not set
  WriteOptions how = {};   ///< progress, stop and threads
};

/// What a put has done.
struct Put {
  Entry entry;                        ///< as it is now
  std::int64_t block = 0;             ///< tokens of a block
  std::uint64_t blocks = 0;           ///< complete blocks of the entry
  std::uint64_t new_blocks = 0;       ///< of them, those that were not there
  std::uint64_t objects = 0;          ///< written
  std::uint64_t bytes = 0;            ///< written
  std::uint64_t evicted = 0;          ///< bytes that had to go for it
  bool differs = false;               ///< with `check`: known rows were others, and are stored apart
  std::vector<std::string> warnings;  ///< to be said: a tokenizer that is not what it was
};

/// What is looked for.
struct Query {
  Prompt prompt;                          ///< the new one
  std::int64_t leave = 1;                 ///< tokens that must remain to be processed
  std::int64_t min_tokens = 1;            ///< a shorter hit is none
  bool exact = false;                     ///< nothing but a hit of all tokens (and `leave` does not count)
  std::optional<std::string> space = {};  ///< only this namespace, by the beginning of its name
};

/// What was found.
struct Match {
  std::int64_t query = 0;             ///< tokens of the prompt
  std::int64_t matched = 0;           ///< leading tokens whose blocks are stored
  std::int64_t resume_at = 0;         ///< tokens of the cache that get() gives; 0: a miss
  std::string entry;                  ///< id of an entry that has these tokens, or empty
  std::string space;                  ///< name of the namespace, or empty
  std::uint64_t blocks = 0;           ///< complete blocks that the hit is made of
  std::uint64_t bytes = 0;            ///< of the arrays of the result
  std::string reason;                 ///< why not more: a clause that a person understands
  std::string format;                 ///< id of the format of the entry
  std::vector<std::string> warnings;  ///< to be said: a tokenizer that is not what it was
  /// Whether there is something to resume from.
  [[nodiscard]] bool hit() const { return resume_at > 0; }
};

/// A cache that was found. Its arrays are read from the store when it is written; they stay there as long as this lives.
struct Got {
  Match match;                       ///< what was found; on a miss the rest is empty
  PromptCache cache;                 ///< of match.resume_at tokens; its stamp tells these and, where it is known, the model
  const Dialect* format = nullptr;   ///< of the entry: what it is written in unless told otherwise
  std::shared_ptr<const void> hold;  ///< keeps what it is read from
};

/// What a file of this cache holds: encode() for the target, by default in the format that the entry was put in.
[[nodiscard]] Encoded encode_got(const Got& got, const std::optional<Target>& target = {}, const EncodeOptions& options = {});

/// How to open a store.
struct OpenOptions {
  bool create = true;      ///< make it where there is none
  bool read_only = false;  ///< look only: nothing is written, not even when something was used
};

/// The folder that a store is in unless told otherwise: $KVCACHE_STORE, or the platform's folder for caches.
[[nodiscard]] std::string default_store();

/// An open store. May be moved. Threads need one each.
class Store {
 public:
  /// A folder. Throws Error(io), Error(usage) where there is none and `create` is not set, Error(unreadable) for a folder that
  /// is none or of a newer version.
  static Store open(const std::string& path, const OpenOptions& options = {});
  /// A folder whose index is damaged or gone: an empty one is put beside its objects, for rebuild(). The damaged one is kept as
  /// store.db.damaged.
  static Store open_without_index(const std::string& path);
  /// Any other back ends.
  static Store open(std::unique_ptr<Index> index, std::unique_ptr<Objects> objects, const OpenOptions& options = {});
  Store(Store&& other) noexcept;             ///< the other is closed
  Store& operator=(Store&& other) noexcept;  ///< as above
  ~Store();

  /// Store a cache. The document is that of a file or of memory; its layers hold just the prompt's tokens. Throws
  /// Error(impossible) for a batch, for layers of other numbers of tokens and for what is not understood; Error(io), then with
  /// nothing changed.
  Put put(const Document& document, const Prompt& prompt, const PutOptions& options = {});
  /// Look up only: no data is read. Never throws for a miss.
  [[nodiscard]] Match probe(const Query& query) const;
  /// Look up, and the cache of what was found. The data is read when the result is written.
  [[nodiscard]] Got get(const Query& query) const;
  /// The cache of an entry, whole. Throws Error(impossible) where parts of it were evicted.
  [[nodiscard]] Got export_entry(const std::string& id) const;

  /// What it keeps to from now on.
  void configure(const Settings& settings);

  /// Entries whose id begins so; one, where the text is an id or enough of it.
  [[nodiscard]] std::vector<Entry> find(std::string_view id) const;
  /// What the cache of an entry is made of, from its first tokens to its end: the blocks, and before one that has not all of
  /// its rows itself the nodes that have them, with their rows alone.
  [[nodiscard]] std::vector<Node> nodes_of(const Entry& entry) const;
  /// Remove entries and all that no other entry needs. Returns how many bytes went. What others are just reading is freed when
  /// they are through.
  std::uint64_t remove(std::span<const std::string> ids);
  /// Never evict an entry, or let it go again.
  void pin(const std::string& id, bool pinned);
  /// Evict what is past its time and until the limits hold, or down to `bytes`; free what was left behind. Returns how many
  /// bytes went.
  std::uint64_t collect(std::optional<std::uint64_t> bytes = {});

  /// What check() found and did.
  struct Checked {
    std::uint64_t objects = 0;           ///< looked at
    std::uint64_t bytes = 0;             ///< of them
    std::vector<std::string> problems;   ///< one line each
    std::vector<std::string> leftovers;  ///< objects that the index does not know: of puts that were killed; no problem
    std::uint64_t repaired = 0;          ///< of the problems
  };
  /// Compare index and objects. `data`: read every array and compare checksums. `repair`: take out of the index what is damaged
  /// or lost, and remove leftovers.
  Checked check(bool data, bool repair, const WriteOptions& how = {});
  /// Make the index anew from the objects.
  Checked rebuild(const WriteOptions& how = {});

  /// Take over entries of another store, with all that they need, without decoding anything: whatever their salt is.
  struct Imported {
    std::uint64_t entries = 0;  ///< that were not here
    std::uint64_t known = 0;    ///< that were
    std::uint64_t objects = 0;  ///< copied
    std::uint64_t bytes = 0;    ///< copied
  };
  /// See above.
  Imported import(const Store& from, const WriteOptions& how = {});

  /// What takes how much.
  struct Usage {
    std::uint64_t objects = 0;        ///< bytes of all
    std::uint64_t rows = 0;           ///< bytes of rows
    std::uint64_t windows = 0;        ///< bytes of rows of windows
    std::uint64_t states = 0;         ///< bytes of states
    std::uint64_t nodes = 0;          ///< blocks and tails
    std::uint64_t entries = 0;        ///< how many
    std::uint64_t tokens = 0;         ///< of all entries together
    std::uint64_t stored_tokens = 0;  ///< of all nodes together
    std::uint64_t dead = 0;           ///< bytes of blocks that no state reaches, in namespaces with states
    std::uint64_t whole = 0;          ///< bytes that one file for each entry would take, about
  };
  /// By namespace.
  [[nodiscard]] std::vector<std::pair<Namespace, Usage>> usage() const;

  /// The back ends.
  [[nodiscard]] Index& index() const noexcept;
  [[nodiscard]] Objects& objects() const noexcept;  ///< @copydoc index
  /// Something to be said about where it is (a network file system), or empty.
  [[nodiscard]] const std::string& warning() const noexcept;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace store
}  // namespace kvcache
