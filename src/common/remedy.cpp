#include "kvcache/remedy.h"

#include <algorithm>

namespace kvcache {

Remedy::Remedy(std::string words) {
  if (!words.empty()) parts_.push_back({.words = std::move(words), .action = Action::none, .arguments = {}});
}

Remedy::Remedy(Action action, std::vector<Argument> arguments) {
  parts_.push_back({.words = {}, .action = action, .arguments = std::move(arguments)});
}

const Remedy::Part* Remedy::operation() const noexcept {
  const auto found = std::ranges::find_if(parts_, [](const Part& part) { return part.action != Action::none; });
  return found == parts_.end() ? nullptr : &*found;
}

std::string Remedy::text() const {
  std::string out;
  for (const Part& part : parts_) {
    if (part.action == Action::none) {
      out += part.words;
      continue;
    }
    out += action_name(part.action);
    out += '(';
    for (const Argument& argument : part.arguments) {
      if (&argument != &part.arguments.front()) out += ", ";
      out += argument.first;
      if (!argument.second.empty()) out += '=' + argument.second;
    }
    out += ')';
  }
  return out;
}

Remedy& Remedy::operator+=(const Remedy& more) {
  parts_.insert(parts_.end(), more.parts_.begin(), more.parts_.end());
  return *this;
}

std::string_view action_name(Remedy::Action action) noexcept {
  switch (action) {
    case Remedy::Action::none:
      break;
    case Remedy::Action::repeat:
      return "repeat";
    case Remedy::Action::inspect:
      return "inspect";
    case Remedy::Action::verify:
      return "verify";
    case Remedy::Action::convert:
      return "convert";
    case Remedy::Action::quantize:
      return "quantize";
    case Remedy::Action::dequantize:
      return "dequantize";
    case Remedy::Action::trim:
      return "trim";
    case Remedy::Action::repair:
      return "repair";
    case Remedy::Action::extract_all:
      return "extract_all";
    case Remedy::Action::extract:
      return "extract";
    case Remedy::Action::stamp:
      return "stamp";
    case Remedy::Action::set_metadata:
      return "set_metadata";
    case Remedy::Action::unset_metadata:
      return "unset_metadata";
    case Remedy::Action::store:
      return "store";
    case Remedy::Action::formats:
      return "formats";
    case Remedy::Action::models:
      return "models";
    case Remedy::Action::extend:
      return "extend";
    case Remedy::Action::merge:
      return "merge";
  }
  return "words";
}

}  // namespace kvcache
