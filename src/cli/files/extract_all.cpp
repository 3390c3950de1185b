#include "cli/files/extract_all.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "cli/files/open.h"
#include "cli/files/read_inputs.h"
#include "cli/files/staged_folder.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

namespace fs = std::filesystem;

// "chat" of "folder/chat.safetensors.gz".
std::string stem(const std::string& file) {
  if (comes_once(file)) return "sequence";
  std::string name = detail::local_name(file);
  for (const std::string_view suffix : {".gz", ".safetensors"})
    if (name.size() > suffix.size() && name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  return name;
}

void check_folder(const OutputOptions& output) {
  if (output.path.empty()) throw Error(ErrorKind::usage, "no output is given", "-o DIR: a folder for all sequences");
  if (output.to_stdout())
    throw Error(ErrorKind::usage, "-o -: several files do not go to standard output", "-o DIR: a folder for all sequences");
  if (detail::is_remote_name(output.path))
    throw Error(ErrorKind::usage, fmt::format("-o {}: several files arrive together in a folder only", shown_path(output.path)),
                "-o DIR, or one sequence at a time: --index I -o s3://BUCKET/KEY");
  std::error_code error;
  const fs::file_status status = fs::status(output.path, error);
  if (fs::exists(status) && !fs::is_directory(status))
    throw Error(ErrorKind::usage, fmt::format("output {} is not a folder", output.path), "--all writes one file per sequence");
}

// Before any work: no file is overwritten without --force, and never the input.
std::vector<std::string> check_names(const std::string& file, const OutputOptions& output, std::int64_t sequences) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < sequences; ++i) {
    names.push_back(fmt::format("{}-{}.safetensors", stem(file), i));
    OutputOptions one = output;
    one.path = (fs::path(output.path) / names.back()).string();
    check_output(one, {file});
  }
  return names;
}

Json summary(const Context& context, const std::string& file, const OutputOptions& output, Era era, Json&& files) {
  return {{"schema", fmt::format("kvcache.{}/1", context.command)},
          {"path", detail::without_secrets(file)},
          {"output", output.path},
          {"format", dialect(era).id},
          {"files", std::move(files)}};
}

}  // namespace

int extract_all(Context& context, const std::string& file, const OutputOptions& output) {
  check_folder(output);
  context.subject = file;
  const Document document = read_sound_named(context, file);
  const Era era = era_to_keep(document);
  const std::int64_t sequences = batch_size(document.cache);
  const std::vector<std::string> names = check_names(file, output, sequences);

  std::vector<Encoded> encoded;
  std::set<std::string> warnings;  // the same for every sequence: once is enough
  Json files = Json::array();
  CarriedStamp stamp;  // the same for every sequence, too
  for (std::int64_t i = 0; i < sequences; ++i) {
    const PromptCache sequence = extract_prompt_cache(document.cache, i);
    encoded.push_back(encode_edited(sequence, document, era));
    stamp = carry_stamp(document, sequence, encoded.back());
    warnings.insert(encoded.back().warnings.begin(), encoded.back().warnings.end());
    files.push_back({{"index", i},
                     {"output", (fs::path(output.path) / names[static_cast<std::size_t>(i)]).string()},
                     {"tokens", token_count(sequence)}});
  }

  WriteOptions how = how_to_write(output, {});
  how.overwrite = false;  // they are new in a folder of their own, and move from there
  ProgressBar bar(context, "writing");
  std::uint64_t total = 0;
  writing(context, output.path, [&] {
    StagedFolder folder(output.path);
    for (std::size_t i = 0; i < names.size(); ++i) {
      how.progress = bar.callback();
      const std::uint64_t bytes = write_safetensors(folder.path(names[i]), encoded[i].tensors, encoded[i].metadata, how);
      total += bytes;
      files[i]["bytes"] = bytes;
    }
    folder.commit(names);
  });
  for (const std::string& warning : warnings) warn(context, warning);
  if (!context.quiet)
    say(fmt::format("extracted {}; wrote {} in {} ({}){}", count_of(static_cast<std::uint64_t>(sequences), "sequence"),
                    count_of(names.size(), "file"), output.path, human_bytes(static_cast<double>(total)), stamp_note(stamp)));
  if (output.json) print_late_json(context, summary(context, file, output, era, std::move(files)));
  return 0;
}

}  // namespace kvcache::cli
