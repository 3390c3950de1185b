#include "cli/files/read_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "edit/batches.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

std::vector<const Document*> addresses(const std::vector<Document>& documents) {
  std::vector<const Document*> out;
  out.reserve(documents.size());
  for (const Document& document : documents) out.push_back(&document);
  return out;
}

}  // namespace

bool comes_once(const std::string& path) {
  std::error_code error;
  return path == "-" || std::filesystem::is_fifo(path, error);
}

void check_inputs(const std::vector<std::string>& files) {
  for (const std::string& file : files)
    if (std::count(files.begin(), files.end(), file) > 1 && comes_once(file))
      throw Error(ErrorKind::usage, fmt::format("{} is named twice", file == "-" ? "standard input" : shown_path(file)),
                  "it can be read once: save it to a file first");
}

std::vector<Document> read_inputs(Context& context, const std::vector<std::string>& files) {
  check_inputs(files);
  std::vector<Document> documents;
  for (const std::string& file : files) {
    context.subject = file;
    documents.push_back(read_sound_named(context, file));
  }
  // From here on it is about all of them; messages name the files they mean.
  context.subject.clear();
  return documents;
}

void warn_of_lost_metadata(const Context& context, const std::vector<Document>& documents) {
  for (const std::string& sentence : detail::lost_metadata(addresses(documents))) warn(context, sentence);
}

Era era_of_all(std::vector<Document>& documents) {
  documents.front().candidates = detail::common_candidates(addresses(documents));
  return era_to_keep(documents.front());
}

}  // namespace kvcache::cli
