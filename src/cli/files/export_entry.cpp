#include "cli/files/export_entry.h"

#include <fmt/format.h>

#include "cli/files/open.h"
#include "cli/render/json.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/words.h"
#include "foreign/known_ids.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

std::vector<std::int32_t> ids_of(Context& context, const Document& document, const std::string& file,
                                 const std::string& tokens) {
  if (!tokens.empty()) return read_token_ids(context, tokens);
  std::optional<std::vector<std::int32_t>> ids = foreign::known_ids(document.cache, file);
  if (!ids)
    throw Error(ErrorKind::usage, "servers find a cache by its token ids, and they are neither in this file nor beside it",
                fmt::format("--tokens ids.json, or first: kvcache stamp {} --tokens ids.json --in-place", shell_path(file)));
  return *std::move(ids);
}

}  // namespace

int export_entry(Context& context, const foreign::ExportTarget& target, const std::string& file, const std::string& tokens,
                 foreign::ExportRequest request, const OutputOptions& output) {
  if (output.in_place || output.path.empty() || output.to_stdout())
    throw Error(ErrorKind::usage, fmt::format("--to {} writes into a server's folder", target.id), "-o DIR/");
  if (output.gzip) throw Error(ErrorKind::usage, fmt::format("{} reads no compressed files", target.id), "leave out --gzip");
  context.subject = file;
  const Document document = read_intact_named(context, file);
  request.cache = &document.cache;
  request.ids = ids_of(context, document, file, tokens);
  request.folder = output.path;
  request.overwrite = output.force;
  while (request.folder.size() > 1 && request.folder.ends_with('/')) request.folder.pop_back();
  context.subject = file;
  const WriteGuard guard;
  const foreign::Exported written = foreign::export_to(target, request);
  context.subject.clear();
  if (output.json)
    print_json({{"schema", "kvcache.convert/1"},
                {"path", file},
                {"output", written.path},
                {"format", target.id},
                {"tokens", written.tokens},
                {"bytes", written.bytes},
                {"notes", written.notes}});
  if (!context.quiet) {
    say(fmt::format("{}; wrote {} ({})", target.title, shown_path(written.path),
                    human_bytes(static_cast<double>(written.bytes))));
    for (const std::string& note : written.notes) say("note: " + note);
  }
  return 0;
}

}  // namespace kvcache::cli
