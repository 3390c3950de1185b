#include "cli/files/read_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/files/output.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"

namespace kvcache::cli {

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
    documents.push_back(read_sound_document(file));
  }
  // From here on it is about all of them; messages name the files they mean.
  context.subject.clear();
  return documents;
}

void warn_of_lost_metadata(const Context& context, const std::vector<Document>& documents) {
  const auto& kept = documents.front().cache.metadata;
  for (const Document& document : documents) {
    std::vector<std::string> lost;
    for (const auto& [key, value] : document.cache.metadata) {
      const auto same = kept.find(key);
      if (key != stamp_key && (same == kept.end() || same->second != value)) lost.push_back(printable(key));
    }
    if (lost.empty()) continue;
    warn(context,
         fmt::format("metadata of {} differ and are left out: {}", shown_path(document.file.path()), fmt::join(lost, ", ")));
  }
}

Era era_of_all(std::vector<Document>& documents) {
  Document& first = documents.front();
  EraSet common = first.candidates;
  for (const Document& document : documents) common &= document.candidates;
  if (!common.none()) first.candidates = common;
  return era_to_keep(first);
}

}  // namespace kvcache::cli
