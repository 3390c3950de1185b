// Text in the language of man pages, mdoc(7).
#pragma once

#include <string>
#include <string_view>

namespace kvcache::cli {

/// Text as roff shows it unchanged: what is typed stays what can be pasted.
[[nodiscard]] std::string roff_text(std::string_view text);
/// An argument of a macro: one word, and no macro itself.
[[nodiscard]] std::string roff_argument(std::string_view text);
/// Prose: a line for each sentence, as roff wants it to set the space between them. Empty lines separate paragraphs.
[[nodiscard]] std::string roff_prose(std::string_view text);
/// The beginning of a page: "kvcache-trim", section 1, what it is about in one line.
[[nodiscard]] std::string roff_head(const std::string& name, int section, std::string_view summary);

}  // namespace kvcache::cli
