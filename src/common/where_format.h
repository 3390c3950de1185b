// Places in messages: fmt::format("{} has no arrays", where).
#pragma once

#include <fmt/format.h>

#include <string>

#include "kvcache/where.h"

template <>
struct fmt::formatter<kvcache::Where> : fmt::formatter<std::string> {
  template <typename FormatContext>
  auto format(const kvcache::Where& where, FormatContext& context) const {
    return fmt::formatter<std::string>::format(where.text(), context);
  }
};
