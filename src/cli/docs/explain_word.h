// What `kvcache explain` says about a finding code, a format, a class or a word of the documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvcache::cli {

struct WordExplanation {
  std::string_view kind;  ///< "code", "format", "class", "word"
  std::string name;       ///< as it is spelt: "KV411", "mlx-lm@2026-08"
  std::string title;      ///< a few words about it
  /// Text with what it is about: {"what to do", "..."}. Commands are in backquotes.
  std::vector<std::pair<std::string, std::string>> parts;
};

/// Upper and lower case are the same, P4 is a format as well, and so is any release (mlx-lm@0.29.1). Nothing for a word that is
/// not known.
[[nodiscard]] std::optional<WordExplanation> explain_word(std::string_view word);

/// Everything that can be explained, for suggestions and completion.
[[nodiscard]] std::vector<std::string> explained_words();

}  // namespace kvcache::cli
