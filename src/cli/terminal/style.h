// Colours, where they help and where they are wanted.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace kvcache::cli {

/// Decides once per stream: --color always and never as said, else NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR and CLICOLOR, in this
/// order, else whether it is a terminal that is not "dumb".
class Style {
 public:
  Style(const Context& context, std::FILE* stream);
  [[nodiscard]] std::string bold(std::string_view text) const { return paint("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return paint("2", text); }
  [[nodiscard]] std::string red(std::string_view text) const { return paint("1;31", text); }
  [[nodiscard]] std::string green(std::string_view text) const { return paint("32", text); }
  [[nodiscard]] std::string yellow(std::string_view text) const { return paint("1;33", text); }

 private:
  [[nodiscard]] std::string paint(std::string_view code, std::string_view text) const;
  bool on_ = false;
};

}  // namespace kvcache::cli
