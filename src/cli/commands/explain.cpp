// kvcache explain: what something means, why it hurts, and what to do about it. What is a path is looked at; what else is a word.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/commands/explain_folder.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

struct Options {
  std::string what;
  ExplainFolderOptions folder;
  bool json = false;
};

int run(Context& context, const Options& options) {
  if (is_path_to_explain(options.what)) return explain_folder(context, options.what, options.folder, options.json);
  throw Error(ErrorKind::usage, fmt::format("'{}' is no folder or file", printable(options.what)),
              "codes and formats are in the man pages kvcache-findings(7) and kvcache-formats(7)");
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("WHAT", options->what, "The folder of a server's prompt cache, or a folder of several")->required();
  add_explain_folder_options(app, options->folder);
  app.add_flag("--json", options->json, "The same as JSON");
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command explain_command = {
    "explain",
    Group::checking,
    "Say why a server's folder of caches does not hit",
    "  kvcache explain ~/.omlx/cache                                   what is in it, and what of it is dead\n"
    "  kvcache explain ~/.omlx/cache --tokens chat.json                how far this prompt leads\n"
    "  kvcache explain ~/.omlx/cache --like newest.safetensors         which entries its server uses, and which not\n",
    declare,
    "Only looks. Entries with the same settings are one signature: a server uses those of its own and no others."};

}  // namespace kvcache::cli
