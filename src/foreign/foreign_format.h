// What the folders and files of other projects are, and what can be asked of all of them alike: one table, a row per format.
//
// A row is made of functions, so that who lists, checks, explains or converts does not know which format it has before it. All
// of them only read: nothing is locked, nothing is written. A folder may be a live server's: what vanishes between two looks is
// "evicted meanwhile" and never an error of the folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/finding.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"
#include "kvcache/verify.h"

namespace kvcache::foreign {

struct Format;

/// A folder, or a single file, that one format owns.
struct Place {
  const Format* format = nullptr;
  std::string path;
  bool is_file = false;
};

/// What a folder holds, for detection: names only, no more than `most_names` of them, sorted. Links are listed as neither.
struct FolderLook {
  static constexpr std::size_t most_names = 4096;
  std::string path;
  std::vector<std::string> files;
  std::vector<std::string> folders;
  [[nodiscard]] bool has_file(std::string_view name) const;
  [[nodiscard]] bool has_folder(std::string_view name) const;
  [[nodiscard]] std::string at(std::string_view name) const;  ///< path/name
};

/// What a file is, for detection: its first bytes and, where it is safetensors, its header.
struct FileLook {
  std::string path;
  std::string head;                ///< at most 4096 bytes
  std::uint64_t bytes = 0;         ///< of the file
  const Header* header = nullptr;  ///< null: not safetensors, or damaged
};

/// Something that a place keeps. Found by names alone: `look` opens it.
struct Item {
  enum class Kind {
    entry,      ///< holds keys and values, or claims to
    sidecar,    ///< belongs to an entry, and is listed with its bytes: recurrent state, token ids
    temporary,  ///< a write that was not finished, or is going on
    index,      ///< the folder's list of its entries
    other,      ///< something that is no cache: image features, a README
  };
  std::string path;  ///< a file, or the folder that is one entry
  Kind kind = Kind::entry;
};

/// A name and a value of what a server compares before it uses an entry: "block size", "2048".
using Setting = std::pair<std::string, std::string>;

/// One item, from its header.
struct Entry {
  Item item;
  std::string model;    ///< as the server names it, or empty
  std::string version;  ///< of the format, as stored, or empty
  /// What the server compares, in the order in which it is worth reading. Entries with equal settings can be used together.
  std::vector<Setting> settings;
  std::int64_t tokens = 0;  ///< that it holds itself: of a block its own, of a whole entry all
  std::uint64_t bytes = 0;  ///< on disk, all its files
  std::chrono::system_clock::time_point modified;
  /// "ok", "part of a paged cache", or what is wrong; one clause.
  std::string verdict = "ok";
  bool readable = true;     ///< its header could be read and is of this format
  bool vanished = false;    ///< gone since it was found: evicted meanwhile
  bool whole_cache = true;  ///< usable alone; false: a block, which needs those before it
  /// Why no current server of this project will ever use it, whatever the prompt: "format 2, omlx reads 3 to 5". Empty: one
  /// may.
  std::string never_again;
  /// It cannot end a prefix: layers whose state it does not hold ("layers 0, 1, 2, 4"). Empty: it can.
  std::vector<std::int64_t> layers_without_state;
};

/// What is asked of a place.
struct Query {
  std::vector<std::int32_t> tokens;  ///< of the prompt; empty: not given
  std::string model_name;            ///< as served; empty: what the folder says, where it says one
  std::int64_t block_size = 0;       ///< tokens; 0: what the folder says
  std::string model_folder;          ///< with config.json; empty: not given
  bool look_only = false;            ///< how far it leads, without the cache: `Restored::cache` may stay empty
};

/// What came of a query.
struct Restored {
  enum class Outcome {
    restored,  ///< `cache` is there
    miss,      ///< nothing here begins as the prompt does
    refused,   ///< something does, and cannot be carried over without a guess
  };
  Outcome outcome = Outcome::miss;
  PromptCache cache;              ///< of restored: lazy; user metadata holds "model" where it is known
  std::vector<std::int32_t> ids;  ///< of restored: the tokens in it, to be stamped
  std::string why;                ///< of miss and refused: a clause with the values at hand
  Remedy remedy;                  ///< and what to do, or empty
  std::vector<std::string>
      losses;                      ///< of restored: what is not as it was ("recurrent state was stored as bf16"), each a clause
  std::vector<std::string> notes;  ///< what somebody should know and what is no loss ("the ids are not proved: no hash")
  std::string entry;               ///< path of what it came from: the last block, the entry

  // For `explain`: how far the prompt leads.
  std::int64_t block_size = 0;                     ///< 0: not a format of blocks
  std::int64_t blocks_wanted = 0;                  ///< whole blocks in the prompt
  std::int64_t blocks_present = 0;                 ///< from the first one on, without a gap
  std::int64_t walked_back = 0;                    ///< blocks given up at the end, because no state belongs to them
  std::vector<std::int64_t> layers_without_state;  ///< of the last block present: what stopped it
  std::string stopped_by;                          ///< why the chain ends where it ends: a clause, or empty at its end
  [[nodiscard]] std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }  ///< restored
};

/// A prompt whose token ids the place itself knows.
struct Prompt {
  std::string name;  ///< a file name without folder or extension, unique in the place, safe for every file system
  std::string path;  ///< of the entry or of the last block
  std::int64_t tokens = 0;
};

/// Findings about one file of a place, or about the place (`path` is then its own).
struct Report {
  std::string path;
  Findings findings;
  bool readable = true;   ///< false: no reader could make sense of it
  bool vanished = false;  ///< evicted meanwhile: nothing to say
  /// Of a file that any loader of prompt caches takes by itself: what is known of it as one, who loads it among them. Its
  /// findings are in `findings`.
  std::optional<FileReport> file = {};
};

/// One row.
struct Format {
  std::string_view id;        ///< "omlx": as `ls` shows it and `--format` takes it
  std::string_view title;     ///< "omlx paged SSD cache"
  std::string_view versions;  ///< that are read: "1 to 5"
  /// Whether it is one of ours. Looks at names, and at no more than a few small files.
  bool (*owns_folder)(const FolderLook& folder);
  bool (*owns_file)(const FileLook& file);
  /// Everything in it, by names alone, in the order of names. Of a file: the file.
  std::vector<Item> (*items)(const Place& place);
  /// Opens one; called from several threads.
  Entry (*look)(const Place& place, const Item& item);
  /// Findings of one item by itself; called from several threads.
  Report (*check)(const Place& place, const Item& item);
  /// What only the whole place shows: orphans, chains, an index and what it lists. One report per path, in any order.
  std::vector<Report> (*check_place)(const Place& place, std::span<const Item> items);
  /// The longest prefix of the prompt that the project itself would restore, or why none. Null: this format is inspected only.
  Restored (*restore)(const Place& place, const Query& query);
  /// Prompts whose ids are known; empty where the format stores none. Throws where what lists them cannot be read.
  std::vector<Prompt> (*prompts)(const Place& place);
  /// One of them, as `restore` with its ids.
  Restored (*restore_prompt)(const Place& place, const Prompt& prompt, const Query& query);
  std::string_view inspect_only_because = {};  ///< where `restore` is null: a clause
  /// Whether an item is a file as any runtime saves a prompt: it is verified as one, and `check` says only what is more. Null:
  /// none is.
  bool (*is_prompt_cache)(const Item& item) = nullptr;
  /// Why nothing in the place is of the model in this folder, by what its server compares: a clause. Empty: it may be. Null:
  /// the settings of an entry tell.
  std::string (*other_model)(const Place& place, const std::string& model_folder) = nullptr;
};

/// All of them, in the order in which they are asked.
[[nodiscard]] std::span<const Format* const> formats() noexcept;
/// The row of an id, or nullptr.
[[nodiscard]] const Format* find_format(std::string_view id) noexcept;

/// What a path is; nothing where it is no format's. A folder is asked for by itself, not for what is below it.
[[nodiscard]] std::optional<Place> place_of(const std::string& path);
/// The same of a file whose header was read already, which takes most of the time.
[[nodiscard]] std::optional<Place> place_of(const std::string& path, const Header& header);
/// The places at or below a folder, depth first, by name. Goes no deeper than `depth`, follows no link, and does not look into
/// what is a place.
[[nodiscard]] std::vector<Place> places_below(const std::string& folder, int depth = 6);

/// `look` for every item, in parallel, in the order of items; `take` is called from one thread at a time.
void list_entries(const Place& place, const std::function<void(Entry)>& take);
/// How a prompt cache is verified; called from several threads.
using VerifyCache = std::function<FileReport(const std::string& path)>;
/// `check` for every item, in parallel, then `check_place`. Reports of one path are joined; those without findings come too.
void verify_place(const Place& place, const std::function<void(Report)>& take, const VerifyCache& verify_cache = {});
/// As the format's `restore`; refused with the reason where it has none, and where layers of the cache have seen another
/// number of tokens than it is restored with.
[[nodiscard]] Restored restore(const Place& place, const Query& query);
/// The same of a prompt that the place knows the tokens of.
[[nodiscard]] Restored restore_known(const Place& place, const Prompt& prompt, const Query& query);
/// As the format's `prompts`. Throws what opening its index throws: a damaged one knows of no prompts, which is not the same as
/// that there are none. Throws Error(impossible) for a format that is inspected only.
[[nodiscard]] std::vector<Prompt> known_prompts(const Place& place);

}  // namespace kvcache::foreign
