#include "cli/commands/explain_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/cli11.h"
#include "cli/files/open.h"
#include "cli/options/numbers.h"
#include "cli/render/explanation.h"
#include "cli/terminal/words.h"
#include "foreign/explain.h"
#include "kvcache/error.h"
#include "model/find_model.h"
#include "safetensors/file_kind.h"

namespace kvcache::cli {

void add_explain_folder_options(CLI::App& app, ExplainFolderOptions& options) {
  app.add_option("--tokens", options.tokens,
                 "Token ids of a prompt, to see how much of it the folder holds: a JSON list, integers, .bin (int32) or .npy")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--like", options.like, "An entry that the running server has written: others are compared with its settings")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--model", options.model, "The model's folder, for what a format does not store")
      ->type_name("DIR")
      ->check(not_empty());
  app.add_option("--model-name", options.model_name, "The model as the server names it; else as the folder does")
      ->type_name("NAME")
      ->check(not_empty());
  add_integer(app, "--block-size", options.block_size, 1, 1 << 20, "Tokens of a block, where the folder does not say")
      ->type_name("N");
}

bool is_path_to_explain(const std::string& what) {
  std::error_code error;
  return what.find('/') != std::string::npos || std::filesystem::exists(what, error);
}

namespace {

/// What a file is, or files of a folder, where no server that is known here has written them: pickles are named and never
/// opened.
std::string what_instead(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code error;
  constexpr std::size_t most_files = 64;  // of a folder of pickles the first ones tell
  if (fs::is_directory(path, error)) {
    for (fs::directory_iterator it(path, error), end; !error && it != end && files.size() < most_files; it.increment(error)) {
      std::error_code unknown;
      if (it->is_regular_file(unknown) && !it->is_symlink(unknown)) files.push_back(it->path().string());
    }
  } else {
    files.push_back(path);
  }
  std::ranges::sort(files);
  for (const std::string& file : files) {
    const detail::FileKind* kind = nullptr;
    try {
      kind = detail::file_kind_of(*file_source(file));
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::interrupted) throw;
    }
    if (kind == nullptr || (file != path && kind->name.find("pickle") == std::string_view::npos)) continue;
    return fmt::format("{}{}: {}", file == path ? "" : shown_path(file) + " is ", kind->name, kind->hint);
  }
  return {};
}

}  // namespace

int explain_folder(Context& context, const std::string& folder, const ExplainFolderOptions& options, bool json) {
  ExplainedFolder out;
  out.path = folder;
  out.tokens = options.tokens;
  out.like = options.like;
  foreign::Query query;
  query.look_only = true;
  if (!options.tokens.empty()) query.tokens = read_token_ids(context, options.tokens);
  out.prompt_tokens = query.tokens.size();
  query.model_name = options.model_name;
  if (!options.model.empty()) query.model_folder = detail::require_model(options.model);
  query.block_size = options.block_size.value_or(0);
  std::optional<foreign::Running> running;
  if (!options.like.empty()) {
    context.subject = options.like;
    running = foreign::settings_of(options.like);
  }
  context.subject = folder;
  std::error_code error;
  if (!std::filesystem::exists(folder, error))
    throw Error(ErrorKind::io, error ? "cannot be read: " + error.message() : "no such file or folder");
  std::vector<foreign::Place> places;
  if (const std::optional<foreign::Place> place = foreign::place_of(folder))
    places.push_back(*place);
  else if (std::filesystem::is_directory(folder, error))
    places = foreign::places_below(folder);
  for (const foreign::Place& place : places) out.places.push_back(foreign::explain(place, running, query));
  if (out.places.empty()) out.instead = what_instead(folder);
  context.subject.clear();
  if (json)
    print_json(explained_json(out));
  else
    print_explanation(context, out);
  const foreign::Restored* best = out.best();
  const bool missed = !query.tokens.empty() && (best == nullptr || best->tokens() == 0);
  return missed || out.places.empty() ? 1 : 0;
}

}  // namespace kvcache::cli
