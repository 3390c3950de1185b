// What all commands that write a cache file share: their options, the checks before any work, the writing, the summary.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/render/json.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/release.h"
#include "kvcache/stamp.h"

namespace kvcache::cli {

struct OutputOptions {
  std::string path;  ///< -o
  bool in_place = false;
  bool has_in_place = true;  ///< whether the command offers --in-place
  bool force = false;
  bool gzip = false;
  bool json = false;
  unsigned threads = 0;                   ///< 0: as many as there are cores
  bool recursive = false;                 ///< folders among the inputs: the caches below them
  std::vector<std::string> exclude = {};  ///< of these, patterns of what is left out
  /// Of several outputs: where the summaries of --json are gathered, in place of standard output.
  std::vector<Json>* summaries = nullptr;

  [[nodiscard]] bool to_stdout() const { return path == "-"; }
};

/// -o, --in-place, --force, --gzip, --json. `in_place`: false for commands whose output is no edited input (merge, create).
void add_output_options(CLI::App& app, OutputOptions& options, bool in_place = true);

/// Before any work: exactly one of -o and --in-place; never an input's own file without --in-place, an existing file without
/// --force, or what is not a regular file; standard output (-o -) only where it is no terminal and nothing else is to be
/// printed there. Throws Error(usage).
void check_output(const OutputOptions& options, const std::vector<std::string>& inputs);

/// A file that was written.
struct Written {
  std::string input;  ///< the (first) input
  std::string path;
  const Dialect* format = nullptr;  ///< nullptr: not known
  std::int64_t tokens = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;       ///< that the writing took, and all that is computed meanwhile
  CarriedStamp stamp = {};  ///< what of the input's stamp is still true
};

/// Runs what writes the output `path`, under a WriteGuard. Its errors are about the output, except that of an input that cannot
/// be read meanwhile and that of values that cannot be computed with.
void writing(Context& context, const std::string& path, const std::function<void()>& write);

/// Encodes and writes `cache`. `input`: what it was made from, and with --in-place what is replaced (mode and compression are
/// kept). Of a stamp, what the edit made untrue is left out. Losses that the target's own writer would incur as well are
/// warnings. Errors of writing are about the output.
Written write_output(Context& context, const PromptCache& cache, const Target& target, const OutputOptions& options,
                     const Document& input, const EncodeOptions& encoding = {});

/// What the options mean for a file that is written to `path`: over an existing one only as they allow.
[[nodiscard]] WriteOptions how_to_write(const OutputOptions& options, const std::string& path);

/// A path as it is shown, with words for standard output.
[[nodiscard]] std::string shown_output(const std::string& path);

/// The same for what is encoded already, in a format that may not be known (nullptr).
Written write_encoded(Context& context, const PromptCache& cache, const Dialect* format, Encoded encoded,
                      const OutputOptions& options, const Document& input);

/// The writing alone, of whatever: `write` returns how many bytes it has written.
void write_by(Context& context, const OutputOptions& options, const Document& input, Written& written,
              const std::function<std::uint64_t(const WriteOptions&)>& write);

/// "; checksums dropped from the stamp", or nothing: for the end of a summary.
[[nodiscard]] std::string stamp_note(const CarriedStamp& stamp);

/// "442 MB", and of what took a second or more "442 MB in 4 s".
[[nodiscard]] std::string size_written(const Written& written);

/// "WHAT; wrote out.safetensors (12.3 kB)" on standard error, unless -q; with --json a summary on standard output:
/// {"schema":"kvcache.COMMAND/1","path":...,"output":...,"format":...,"tokens":...,"bytes":...} and the keys of `more`. The
/// file is written: a summary that cannot be printed is a warning.
void print_summary(const Context& context, const OutputOptions& options, const Written& written, std::string_view what,
                   const Json& more = Json::object());

/// The part of it for --json.
void print_json_summary(const Context& context, const OutputOptions& options, const Written& written, const Json& more);

/// A summary for --json, of whatever keys: printed, or gathered with those of other outputs.
void give_json_summary(const Context& context, const OutputOptions& options, Json document);

/// Print what a command has to say when its output is complete: that it cannot be printed is a warning.
void print_late(const Context& context, std::string_view text);
void print_late_json(const Context& context, const Json& document);

}  // namespace kvcache::cli
