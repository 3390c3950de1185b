#include "remote/xml.h"

#include <expat.h>

#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace kvcache::remote {
namespace {

// Answers are three or four deep.
constexpr std::size_t deepest = 32;

struct State {
  const std::function<void(const std::string&, const std::string&)>& element;
  XML_Parser parser;
  std::string path;
  std::vector<std::size_t> lengths;  // of the path before each open element
  std::string text;
};

void on_start(void* user, const XML_Char* name, const XML_Char** /*attributes*/) {
  auto& state = *static_cast<State*>(user);
  if (state.lengths.size() == deepest) {
    XML_StopParser(state.parser, XML_FALSE);
    return;
  }
  state.lengths.push_back(state.path.size());
  if (!state.path.empty()) state.path += '/';
  state.path += name;
  state.text.clear();
}

void on_end(void* user, const XML_Char* /*name*/) {
  auto& state = *static_cast<State*>(user);
  state.element(state.path, state.text);
  state.path.resize(state.lengths.back());
  state.lengths.pop_back();
  state.text.clear();
}

void on_text(void* user, const XML_Char* text, int length) {
  static_cast<State*>(user)->text.append(text, static_cast<std::size_t>(length));
}

}  // namespace

bool read_xml(std::string_view text, const std::function<void(const std::string&, const std::string&)>& element) {
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, void (*)(XML_Parser)> parser(XML_ParserCreate("UTF-8"),
                                                                                        XML_ParserFree);
  if (!parser) throw std::bad_alloc();
  State state{element, parser.get(), {}, {}, {}};
  XML_SetUserData(parser.get(), &state);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  // Keep-alive blanks may come before the declaration.
  const std::size_t first = text.find('<');
  if (first == std::string_view::npos) return false;
  text.remove_prefix(first);
  return XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), 1) == XML_STATUS_OK;
}

std::string first_text(std::string_view text, std::string_view name) {
  std::string out;
  bool found = false;
  (void)read_xml(text, [&](const std::string& path, const std::string& value) {
    const std::size_t slash = path.rfind('/');
    if (found || std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1) != name) return;
    found = true;
    out = value;
  });
  return out;
}

}  // namespace kvcache::remote
