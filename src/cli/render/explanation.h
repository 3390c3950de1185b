// What `kvcache explain FOLDER` prints.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/render/json.h"
#include "foreign/explain.h"

namespace kvcache::cli {

struct ExplainedFolder {
  std::string instead;  ///< where there are no places: what it is, a clause, or empty
  std::string path;     ///< as the user gave it
  std::string tokens;   ///< of the file, or empty
  std::string like;     ///< of the file, or empty
  std::size_t prompt_tokens = 0;
  std::vector<foreign::Explanation> places;
  /// The place of which most of the prompt can be restored, or the first.
  [[nodiscard]] const foreign::Restored* best() const;
};

[[nodiscard]] Json explained_json(const ExplainedFolder& folder);
void print_explanation(const Context& context, const ExplainedFolder& folder);

}  // namespace kvcache::cli
