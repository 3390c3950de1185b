#include "cli/files/output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <system_error>

#include "cli/cli11.h"
#include "cli/files/open.h"
#include "cli/files/read_inputs.h"
#include "cli/files/remote_use.h"
#include "cli/terminal/duration.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/words.h"
#include "cli/usage.h"
#include "common/remote_name.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

// Whether it is there is asked for when all else is known (write_named).
void check_address(const OutputOptions& options, const std::vector<std::string>& inputs) {
  if (!options.path.starts_with("s3://"))
    refuse_usage(fmt::format("output {} cannot be written: only s3:// can", shown_path(options.path)),
                 "-o s3://BUCKET/KEY, or a file");
  if (std::find(inputs.begin(), inputs.end(), options.path) != inputs.end())
    refuse_usage(fmt::format("output {} is the input itself", options.path), "name a new object");
}

void check_target(const OutputOptions& options, const std::vector<std::string>& inputs) {
  if (options.to_stdout()) {
    if (options.json) refuse_usage("-o - and --json exclude each other", "both go to standard output: name a file with -o");
    if (detail::is_terminal(stdout))
      refuse_usage("-o -: standard output is a terminal", "name a file, or redirect it: -o - > OUT");
    return;
  }
  if (detail::is_remote_name(options.path)) return check_address(options, inputs);
  std::error_code error;
  const fs::file_status status = fs::status(options.path, error);
  if (!fs::exists(status)) return;
  for (const std::string& input : inputs)
    if (fs::equivalent(input, options.path, error))
      refuse_usage(fmt::format("output {} is the input itself", options.path),
                   options.has_in_place && input == inputs.front() ? "use --in-place to replace it" : "name a new file");
  if (fs::is_directory(status)) refuse_usage(fmt::format("output {} is a folder", options.path), "name a file inside it");
  if (!fs::is_regular_file(status))
    refuse_usage(fmt::format("output {} is not a regular file", options.path),
                 options.path == "/dev/stdout" || options.path == "/dev/fd/1" ? "-o - is standard output" : "name a new file");
  if (!options.force) refuse_usage(fmt::format("output {} exists", options.path), "--force replaces it");
}

}  // namespace

void add_output_options(CLI::App& app, OutputOptions& options, bool in_place) {
  options.has_in_place = in_place;
  app.add_option("-o,--output", options.path, "Write the result to this file, or to s3://BUCKET/KEY; - is standard output")
      ->type_name("OUT");
  if (in_place) app.add_flag("--in-place", options.in_place, "Replace the input, atomically");
  app.add_flag("--force", options.force, "Replace OUT if it exists");
  app.add_flag("--gzip", options.gzip, "Compress the output");
  app.add_flag("--json", options.json, "Print a summary as JSON to standard output");
}

void check_output(const OutputOptions& options, const std::vector<std::string>& inputs) {
  if (options.in_place && !options.path.empty()) refuse_usage("-o and --in-place exclude each other", "give one of them");
  const bool replaceable = options.has_in_place && std::ranges::none_of(inputs, [](const std::string& input) {
                             return detail::is_remote_name(input) || comes_once(input);
                           });
  if (!options.in_place && options.path.empty())
    refuse_usage("no output is given",
                 replaceable ? "-o OUT writes a new file, --in-place replaces the input" : "-o OUT writes a new file");
  if (!options.in_place) return check_target(options, inputs);
  for (const std::string& input : inputs) {
    if (detail::is_remote_name(input))
      refuse_usage(fmt::format("--in-place: {} is not a file", shown_path(input)), "name an output with -o");
    if (comes_once(input))
      refuse_usage(fmt::format("--in-place: {} cannot be replaced", input == "-" ? "standard input" : "a pipe"),
                   "name an output with -o");
  }
}

Written write_output(Context& context, const PromptCache& cache, const Target& target, const OutputOptions& options,
                     const Document& input, const EncodeOptions& encoding) {
  return write_encoded(context, cache, &dialect(target.era()), encode_edited(cache, input, target, encoding), options, input);
}

Written write_encoded(Context& context, const PromptCache& cache, const Dialect* format, Encoded encoded,
                      const OutputOptions& options, const Document& input) {
  Written written{input.file.path(), options.in_place ? input.file.path() : options.path, format, token_count(cache)};
  written.stamp = carry_stamp(input, cache, encoded);
  for (const std::string& warning : encoded.warnings) warn(context, warning);
  write_by(context, options, input, written,
           [&](const WriteOptions& how) { return write_named(context, written.path, encoded.tensors, encoded.metadata, how); });
  return written;
}

WriteOptions how_to_write(const OutputOptions& options, const std::string& path) {
  WriteOptions how;
  how.overwrite = options.in_place || options.force;
  how.gzip = options.gzip;
  how.threads = options.threads;
  // As every program's output: what the umask leaves. What is replaced keeps what it had.
  how.private_mode = false;
  std::error_code error;
  if (how.overwrite && !options.to_stdout() && fs::is_regular_file(path, error)) how.keep_mode_of = path;
  return how;
}

void write_by(Context& context, const OutputOptions& options, const Document& input, Written& written,
              const std::function<std::uint64_t(const WriteOptions&)>& write) {
  WriteOptions how = how_to_write(options, written.path);
  how.gzip = how.gzip || (options.in_place && input.file.gzip());
  if (!how.gzip && !options.in_place && written.path.ends_with(".gz"))
    warn(context, fmt::format("{} is named as if it were compressed; --gzip compresses it", shown_path(written.path)));
  ProgressBar bar(context, "writing");
  how.progress = bar.callback();
  const auto start = std::chrono::steady_clock::now();
  writing(context, written.path, [&] { written.bytes = write(how); });
  written.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void writing(Context& context, const std::string& path, const std::function<void()>& write) {
  const WriteGuard guard;
  try {
    write();
  } catch (const Error& error) {
    const bool of_input = error.kind() == ErrorKind::impossible || error.code() == "KV100";
    if (!of_input) context.subject = path == "-" ? "" : path;
    throw;
  }
}

std::string shown_output(const std::string& path) {
  return path == "-" ? "standard output" : shown_path(path);
}

std::string stamp_note(const CarriedStamp& stamp) {
  if (stamp.dropped.empty()) return {};
  return fmt::format("; {} dropped from its stamp", fmt::join(stamp.dropped, ", "));
}

std::string size_written(const Written& written) {
  const std::string size = human_bytes(static_cast<double>(written.bytes));
  return written.seconds < 1 ? size : fmt::format("{} in {}", size, time_text(std::round(written.seconds)));
}

void print_summary(const Context& context, const OutputOptions& options, const Written& written, std::string_view what,
                   const Json& more) {
  if (!context.quiet)
    say(fmt::format("{}; wrote {} ({}){}", what, shown_output(written.path), size_written(written), stamp_note(written.stamp)));
  print_json_summary(context, options, written, more);
}

void print_json_summary(const Context& context, const OutputOptions& options, const Written& written, const Json& more) {
  if (!options.json) return;
  Json document = {{"schema", fmt::format("kvcache.{}/1", context.command)},
                   {"path", written.input},
                   {"output", written.path},
                   {"format", written.format == nullptr ? Json(nullptr) : Json(written.format->id)},
                   {"tokens", written.tokens},
                   {"bytes", written.bytes}};
  if (!written.stamp.dropped.empty()) document["dropped_from_stamp"] = written.stamp.dropped;
  document.update(more);
  give_json_summary(context, options, std::move(document));
}

void give_json_summary(const Context& context, const OutputOptions& options, Json document) {
  if (!options.json) return;
  if (options.summaries != nullptr) {
    document.erase("schema");
    return options.summaries->push_back(std::move(document));
  }
  print_late_json(context, document);
}

void print_late(const Context& context, std::string_view text) {
  try {
    print(text);
    flush_stdout();
  } catch (const Error& error) {
    warn(context, error.what());
  }
}

void print_late_json(const Context& context, const Json& document) {
  print_late(context, json_text(with_usage(context, document)));
}

}  // namespace kvcache::cli
