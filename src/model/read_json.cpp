#include "model/read_json.h"

#include <array>
#include <nlohmann/json.hpp>

#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

/// The text with bare NaN and its like in quotes.
std::string with_quotes(std::string_view text) {
  static constexpr std::array<std::string_view, 3> names = {"-Infinity", "Infinity", "NaN"};
  std::string out;
  out.reserve(text.size());
  bool in_text = false;
  while (!text.empty()) {
    std::size_t taken = 1;
    if (in_text) {
      if (text.front() == '\\' && text.size() > 1) taken = 2;
      if (text.front() == '"') in_text = false;
    } else if (text.front() == '"') {
      in_text = true;
    } else {
      for (const std::string_view name : names) {
        if (!text.starts_with(name)) continue;
        out += '"';
        out += name;
        out += '"';
        text.remove_prefix(name.size());
        taken = 0;
        break;
      }
    }
    out += text.substr(0, taken);
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace

nlohmann::json read_json_object(std::string_view text) {
  nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) document = nlohmann::json::parse(with_quotes(text), nullptr, false);
  if (!document.is_object()) throw Error(ErrorKind::unreadable, "not a JSON object");
  return document;
}

}  // namespace kvcache::detail
