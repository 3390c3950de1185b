// kvcache explain: what something means, why it hurts, and what to do about it. What is a path is looked at; what else is a
// word.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/commands/explain_folder.h"
#include "cli/docs/explain_word.h"
#include "cli/render/json.h"
#include "cli/render/table.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "common/nearest.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

struct ExplainArguments {
  std::string what;
  ExplainFolderOptions folder;
  bool json = false;
};

[[noreturn]] void not_known(const std::string& word) {
  const std::vector<std::string> words = explained_words();
  const std::vector<std::string_view> views(words.begin(), words.end());
  const std::string_view meant = word.size() < 3 ? std::string_view() : detail::nearest(word, views);
  throw Error(ErrorKind::usage,
              fmt::format("'{}' is no folder or file, and no code, format, class or word of the documents", printable(word)),
              meant.empty() ? "kvcache formats lists formats; codes are in the man page kvcache-findings(7)"
                            : fmt::format("kvcache explain {}", shell_word(meant)));
}

int explain_a_word(const Context& context, const ExplainArguments& options) {
  const std::optional<WordExplanation> known = explain_word(options.what);
  if (!known) not_known(options.what);
  const WordExplanation& about = *known;
  if (options.json) {
    Json parts = Json::array();
    for (const auto& [title, text] : about.parts) parts.push_back({{"title", title}, {"text", text}});
    print_json({{"schema", "kvcache.explain/1"},
                {"kind", about.kind},
                {"name", about.name},
                {"title", about.title},
                {"parts", std::move(parts)}});
    return 0;
  }
  const Style style(context, stdout);
  Table table({{"", Table::Align::left}, {"", Table::Align::left}}, 2);
  for (const auto& [title, text] : about.parts) table.add({title, text});
  print(hanging(fmt::format("{}: {}", style.bold(about.name), about.title), text_width()) + '\n' + table.text(style));
  return 0;
}

int run_explain(Context& context, const ExplainArguments& options) {
  if (is_path_to_explain(options.what)) return explain_folder(context, options.what, options.folder, options.json);
  return explain_a_word(context, options);
}

Action declare_explain(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ExplainArguments>();
  app.add_option(
         "WHAT", options->what,
         "A finding code (KV411), a format (mlx-lm@0.31, P4), a class (RotatingKVCache), a word (offset); or the folder "
         "of a server's prompt cache")
      ->required();
  add_explain_folder_options(app, options->folder);
  app.add_flag("--json", options->json, "The same as JSON");
  return [&context, options] { return run_explain(context, *options); };
}

}  // namespace

const Command explain_command = {
    "explain",
    Group::checking,
    "Say what a code, format or class means, or why a server's folder does not hit",
    "  kvcache explain KV411                                           a code of `kvcache verify`\n"
    "  kvcache explain P4                                              a format: its releases, who reads its files\n"
    "  kvcache explain RotatingKVCache                                 a class of cache\n"
    "  kvcache explain ~/.omlx/cache                                   what is in it, and what of it is dead\n"
    "  kvcache explain ~/.omlx/cache --tokens chat.json                how far this prompt leads\n"
    "  kvcache explain ~/.omlx/cache --like ~/.omlx/cache/7/*          which entries its server uses, and which not\n",
    declare_explain,
    "Texts are those of the man pages kvcache-findings(7) and kvcache-formats(7). A folder is only looked at: entries with the "
    "same "
    "settings are one signature, and a server uses those of its own and no others."};

}  // namespace kvcache::cli
