// Rules: what can be wrong with a prompt cache, and who can load it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"
#include "kvcache/finding.h"
#include "kvcache/format.h"
#include "kvcache/model_config.h"
#include "kvcache/release.h"
#include "kvcache/repair.h"

namespace [[gnu::visibility("default")]] kvcache {

struct ModelFolder;

/// What a runtime of an era, or a release of it, makes of a file.
struct LoadVerdict {
  bool ok = false;     ///< it restores what the file means
  std::string reason;  ///< why not, or empty
  Remedy fix;          ///< the operation that makes a file it loads, or empty
};

/// What a sound file lacks for everyday use.
struct UsageNote {
  std::string what;     ///< the fact, in the same words for every file that it is true of; printable
  Remedy remedy;        ///< the operation that changes it in this file, or empty
  std::string program;  ///< who wants it otherwise ("mlx_lm.generate"), or empty: it is about the file itself
};

/// What to check beside the header.
struct VerifyOptions {
  bool data = false;                         ///< read every tensor: KV6xx
  bool fix = false;                          ///< say what repair() would do
  std::vector<Target> load_in;               ///< --for: a refusal is KV720
  std::vector<Family> load_in_any;           ///< --for a runtime: KV720 where no release of it loads the file
  std::shared_ptr<const ModelFolder> model;  ///< --model: compare with a model's folder, KV81x and KV821
  unsigned threads = 1;                      ///< 0: one per core. For what reads data: stamped checksums, and `data`
  Progress progress;                         ///< of what reads data, bytes
  StopToken stop = {};                       ///< as for writing: looked at while data are read
  bool loads_in = true;                      ///< fill FileReport::loads_in, which takes longer than all else without `data`
};

/// ok, warnings, errors or unreadable.
enum class Status { ok, warnings, errors, unreadable };
/// The word for it.
[[nodiscard]] std::string_view name(Status status) noexcept;

/// What verify_file() found.
struct FileReport {
  std::string path;                     ///< as given
  Status status = Status::ok;           ///< the worst finding decides
  const Dialect* format = nullptr;      ///< nullptr: unreadable, or mixed
  EraSet candidates;                    ///< Document::candidates: who could have written it
  Findings findings;                    ///< in the order of the file
  std::map<Era, LoadVerdict> loads_in;  ///< loads_in() unless not wanted, and whole eras of VerifyOptions::load_in
  std::vector<UsageNote> notes;         ///< usage_notes()
  std::optional<RepairPlan> fixes;      ///< VerifyOptions::fix: what repair() would do; nothing for an unreadable file
  std::optional<ErrorKind> failure;     ///< why it is unreadable: unreadable or io; nothing for a file that was read
};

/// Check one file. Never throws for what is wrong with the file. The data of a stamped file are read (KV802), those of others
/// only when asked for.
[[nodiscard]] FileReport verify_file(const std::string& path, const VerifyOptions& options = {});
/// The same of what `open` opens; that it cannot be opened is a finding, too. `path`: what the report calls it.
[[nodiscard]] FileReport verify_file(const std::string& path, const std::function<SafetensorsFile()>& open,
                                     const VerifyOptions& options = {});

/// Findings of a decoded document without reading tensor data: its own, invariants (KV4xx), across layers (KV5xx), loader bugs
/// (KV7xx).
[[nodiscard]] Findings check(const Document& document);
/// KV801 to KV805: reads all data that the stamp has checksums of.
[[nodiscard]] Findings check_stamp(const Document& document, const VerifyOptions& options);
/// KV81x: layers, classes, heads, dims and windows; KV821: digests of a stamp.
/// `code`: whose caches they are compared with; by default those of the runtime whose file it is.
[[nodiscard]] Findings check_model(const Document& document, const ModelFolder& model, std::optional<ModelCode> code = {});
/// Findings of the data (KV6xx), in one pass.
[[nodiscard]] Findings check_data(const Document& document, const VerifyOptions& options);
/// Why the loader of `target` would not restore this file correctly, or nothing. Silently wrong counts as no, and so do a name
/// or a compression that keep it from the bytes. Of several releases, all have to refuse. `findings` as from check().
[[nodiscard]] std::optional<std::string> refusal(const Document& document, const Target& target, const Findings& findings);
/// The same with a way out, which may take a trial encoding.
[[nodiscard]] LoadVerdict would_load(const Document& document, const Target& target, const Findings& findings);
/// The same for every era that is written.
[[nodiscard]] std::map<Era, LoadVerdict> loads_in(const Document& document, const Findings& findings);

/// Files of one class, and who restores them.
struct Reading {
  Era writer;              ///< whose files
  std::string class_name;  ///< of their layers
  EraSet loaders;          ///< who restores them
};
/// For every era that is written and every class that it has, in its simplest state. Made by the rules that refusal() goes by.
[[nodiscard]] std::vector<Reading> who_reads_whom();

/// An error that writing does not repair: no command makes a new file of this one. All but KV432, whose rows encoders pad.
[[nodiscard]] bool prevents_editing(const Finding& finding);

/// What the file lacks for everyday use although nothing is wrong with it, with the command that helps: user metadata that
/// mlx-lm's generate needs, that of `targets` where some are given, else that of the releases whose format it is. None for
/// files with errors, and of generate none for batches, which it cannot continue.
[[nodiscard]] std::vector<UsageNote> usage_notes(const Document& document, const Findings& findings,
                                                 std::span<const Target> targets = {});

/// The finding that proves a file damaged, or nullptr: an error that no sound file has, of whatever program or later version.
/// A class, layout or dtype that is only not known here, what a sound file of an older format lacks, and what loaders make
/// of a sound file prove nothing.
[[nodiscard]] const Finding* proof_of_damage(const Document& document, const Findings& findings);
/// The same for the code of a file that cannot be read as a prompt cache.
[[nodiscard]] bool proves_damage(std::string_view code);

/// All that is wrong is that a class or layout is not known here (KV301, KV717): nothing is damaged, and what needs no layer
/// understood can be done. True for a file without errors.
[[nodiscard]] bool only_unknown_layouts(const Findings& findings);

}  // namespace kvcache
