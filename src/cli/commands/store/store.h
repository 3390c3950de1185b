// What the commands of `kvcache store` share: the store, whose caches, and entries by their beginnings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli11.h"
#include "cli/command.h"
#include "cli/files/output.h"
#include "cli/render/json.h"
#include "kvcache/store.h"

namespace kvcache::cli {

/// --store DIR|URL.
struct StoreOption {
  std::string path;  ///< empty: the default
  /// Opens it, and says what there is to be said about it. `create`: make it where there is none.
  [[nodiscard]] store::Store open(Context& context, bool create) const;
  /// With an empty index in place of one that is damaged or gone.
  [[nodiscard]] store::Store open_without_index(Context& context) const;
  [[nodiscard]] std::string where() const;  ///< its path
};
void add_store(CLI::App& app, StoreOption& option);
/// A store by its folder or address, which exists, for reading.
[[nodiscard]] store::Store open_to_read(Context& context, const std::string& place);

/// Whose cache, and of which tokens.
struct PromptOptions {
  std::string tokens;
  std::string model;
  std::string adapter;
  std::string identity;
  std::string salt;
  std::vector<std::string> media;
  /// Throws Error(usage) unless there is exactly one of --model and --identity.
  [[nodiscard]] store::Identity read_identity(Context& context) const;
  [[nodiscard]] std::vector<store::Extra> extras() const;
  /// Token ids, identity, salt and media. `tokens` has to be given.
  [[nodiscard]] store::Prompt read(Context& context) const;
};
/// The salt that was given; without one, what an import has left of a prompt that ids alone do not tell: images. Says how it is
/// found again.
[[nodiscard]] std::string salt_of(const Context& context, const Document& document, std::string given);
void add_prompt(CLI::App& app, PromptOptions& options, bool tokens_required);

/// The entry whose id begins so. Throws Error(usage) for none or several.
[[nodiscard]] store::Entry find_entry(const store::Store& store, const std::string& id);
/// As they are shown: the first twelve digits.
[[nodiscard]] std::string short_id(const std::string& id);
[[nodiscard]] std::string age_of(store::Time time);
/// "2026-11-30T08:00:00Z"
[[nodiscard]] std::string time_of(store::Time time);
[[nodiscard]] Json json_of_entry(const store::Entry& entry);
[[nodiscard]] Json json_of_settings(const store::Settings& settings);

extern const Command store_init_command;
extern const Command store_put_command;
extern const Command store_get_command;
extern const Command store_probe_command;
extern const Command store_ls_command;
extern const Command store_show_command;
extern const Command store_du_command;
extern const Command store_stats_command;
extern const Command store_rm_command;
extern const Command store_pin_command;
extern const Command store_unpin_command;
extern const Command store_gc_command;
extern const Command store_check_command;
extern const Command store_import_command;
extern const Command store_export_command;

/// Writes what was found, with a bar and the warnings of its format; with `checksums` in its stamp after another pass over its
/// data; `durable` as in WriteOptions. Returns the bytes of the file.
std::uint64_t write_got(Context& context, store::Got got, const std::optional<Target>& target, const OutputOptions& output,
                        bool checksums, bool durable);

}  // namespace kvcache::cli
