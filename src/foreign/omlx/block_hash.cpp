#include "foreign/omlx/block_hash.h"

#include "common/sha256.h"
#include "foreign/little_endian.h"

namespace kvcache::foreign::omlx {
namespace {

void add(detail::Sha256& sum, std::string_view text) {
  sum.update(std::as_bytes(std::span(text.data(), text.size())));
}

detail::Sha256 begun(std::string_view model, std::string_view parent) {
  detail::Sha256 sum;
  add(sum, model);
  add(sum, parent.empty() ? std::string("omlx-root") : from_hex(parent));
  return sum;
}

/// As Python's repr: in single quotes, unless there are single ones and no double ones in it.
std::string python_text(std::string_view text) {
  const bool both = text.find('\'') != std::string_view::npos && text.find('"') != std::string_view::npos;
  const char quote = text.find('\'') != std::string_view::npos && !both ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\\' || c == quote) out += '\\';
    out += c;
  }
  return out + quote;
}

}  // namespace

std::string tuple_text(std::span<const std::int32_t> ids) {
  std::string out = "(";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(ids[i]);
  }
  return out + (ids.size() == 1 ? ",)" : ")");
}

std::string tuple_text(std::span<const std::string> texts) {
  std::string out = "(";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ", ";
    out += python_text(texts[i]);
  }
  return out + (texts.size() == 1 ? ",)" : ")");
}

std::string block_hash(std::string_view model, std::string_view parent, std::span<const std::int32_t> ids,
                       std::span<const std::string> extra_keys) {
  detail::Sha256 sum = begun(model, parent);
  add(sum, tuple_text(ids));
  if (!extra_keys.empty()) add(sum, tuple_text(extra_keys));
  return sum.hex();
}

std::vector<std::string> terminal_hashes(std::string_view model, std::string_view parent, std::span<const std::int32_t> ids) {
  const std::vector<std::string> key{std::string(terminal_key)};
  const std::string extra = tuple_text(key);
  detail::Sha256 sum = begun(model, parent);
  add(sum, "(");
  std::vector<std::string> out;
  out.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) add(sum, ", ");
    add(sum, std::to_string(ids[i]));
    detail::Sha256 ended = sum;
    add(ended, i == 0 ? ",)" : ")");
    add(ended, extra);
    out.push_back(ended.hex());
  }
  return out;
}

}  // namespace kvcache::foreign::omlx
