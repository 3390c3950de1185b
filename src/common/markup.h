// Text in XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace kvcache::detail {

/// For elements and for attributes in quotes of either kind.
[[nodiscard]] inline std::string markup_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace kvcache::detail
