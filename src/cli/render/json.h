// JSON on standard output.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/terminal/stdout.h"
#include "documents/json.h"

namespace kvcache::cli {

using documents::Json;
using documents::json_of;
using documents::json_text;

inline void print_json(const Json& document) {
  print(json_text(document));
}

/// The same of a document with an empty list `key` at its top, which is filled while it is written: a list of a million
/// elements is never held as JSON. `element`: as json_text() gives it, asked for in order.
inline void print_json_with_texts(const Json& document, std::string_view key, std::size_t elements,
                                  const std::function<std::string(std::size_t)>& element) {
  const std::string text = json_text(document);
  const std::string empty = "\n \"" + std::string(key) + "\": []";
  const std::size_t at = text.find(empty);
  if (elements == 0 || at == std::string::npos) return print(text);
  const std::size_t inside = at + empty.size() - 1;  // before the bracket that ends it
  print(text.substr(0, inside));
  for (std::size_t i = 0; i < elements; ++i) {
    std::string lines = element(i);
    lines.pop_back();
    for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n', end + 1))
      lines.insert(end + 1, "  ");
    print((i == 0 ? "\n  " : ",\n  ") + lines);
  }
  print("\n " + text.substr(inside));
}
inline void print_json_with_list(const Json& document, std::string_view key, std::size_t elements,
                                 const std::function<Json(std::size_t)>& element) {
  print_json_with_texts(document, key, elements, [&](std::size_t i) { return json_text(element(i)); });
}

}  // namespace kvcache::cli
