#include "cli/read_inputs.h"

#include <algorithm>

#include "cli/output.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"

namespace kvcache::cli {

void check_inputs(const std::vector<std::string>& files) {
  if (std::count(files.begin(), files.end(), "-") > 1)
    throw Error(ErrorKind::usage, "standard input is named twice", "it can be read once: save it to a file first");
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

Era era_of_all(std::vector<Document>& documents) {
  Document& first = documents.front();
  EraSet common = first.candidates;
  for (const Document& document : documents) common &= document.candidates;
  if (!common.none()) first.candidates = common;
  return era_to_keep(first);
}

}  // namespace kvcache::cli
